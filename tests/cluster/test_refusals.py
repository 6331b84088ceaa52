"""What a manifest from another cluster may bring along and a server refuses: before anything is stored, and by name."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.dynamic.exceptions import BadRequestError, DynamicApiError, ForbiddenError, UnprocessibleEntityError

from tests.cluster.kube import Kube, config_map, deployment, pod, status_of
from tests.cluster.test_storage import claim
from tests.support import eventually

Obj = dict[str, Any]
MEGABYTE = 1024 * 1024


def obj(kind: str, api_version: str, name: str, namespace: str = "", **parts: Any) -> Obj:
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **parts}


# ------------------------------------------------------------ values
def test_a_config_map_of_almost_a_megabyte_is_stored_and_a_larger_one_refused(kube: Kube, namespace: str) -> None:
    assert len(kube.create(config_map(namespace, "large", a="x" * (MEGABYTE - 1024)))["data"]["a"]) == MEGABYTE - 1024
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.create(config_map(namespace, "larger", a="x" * (MEGABYTE + 1)))
    assert "Too long: must have at most 1048576" in status_of(error)["message"]


def test_a_secret_must_be_base64(kube: Kube, namespace: str) -> None:
    with pytest.raises(BadRequestError) as error:
        kube.create(obj("Secret", "v1", "key", namespace, data={"token": "not base64!"}))
    assert "illegal base64 data" in status_of(error)["message"]


def test_a_quantity_must_be_one(kube: Kube, namespace: str) -> None:
    with pytest.raises(BadRequestError) as error:
        kube.create(claim(namespace, resources={"requests": {"storage": "plenty"}}))
    assert "quantities must match the regular expression" in status_of(error)["message"]


def test_an_object_for_another_namespace_than_the_paths_is_refused(kube: Kube, namespace: str) -> None:
    with pytest.raises(BadRequestError) as error:
        kube.call("post", f"/api/v1/namespaces/{namespace}/configmaps", config_map("elsewhere"))
    assert "does not match the namespace" in status_of(error)["message"]


def test_what_kubectl_leaves_empty_in_a_manifest_is_no_fault(kube: Kube, namespace: str) -> None:
    body = deployment(namespace, "web", replicas=0, resources={}) | {"status": {}}
    body["metadata"]["creationTimestamp"] = None
    body["spec"]["template"]["metadata"]["creationTimestamp"] = None
    body["spec"]["template"]["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    made = kube.apply(body)
    assert made["metadata"]["creationTimestamp"] and made["spec"]["template"]["spec"]["volumes"][0]["emptyDir"] == {}
    assert kube.apply(body)["metadata"]["generation"] == 1, "nothing changed"


# ------------------------------------------------------------ fields that stay as they were made
FIXED = {
    "a stateful set's service": ("StatefulSet", "apps/v1", {"serviceName": "db"}, {"spec": {"serviceName": "other"}}),
    "a deployment's selector": ("Deployment", "apps/v1", {}, {"spec": {"selector": {"matchLabels": {"app": "other"}}}}),
}


@pytest.mark.parametrize("case", FIXED)
def test_a_workloads_identity_cannot_be_changed(kube: Kube, namespace: str, case: str) -> None:
    kind, api_version, more, patch = FIXED[case]
    body = deployment(namespace, "it", replicas=0) | {"kind": kind, "apiVersion": api_version}
    body["spec"] |= more
    made = kube.create(body)
    with pytest.raises(UnprocessibleEntityError):
        kube.patch(made, patch, "merge")


def test_a_bindings_role_cannot_be_changed(kube: Kube, namespace: str) -> None:
    rbac = "rbac.authorization.k8s.io"
    role = {"apiGroup": rbac, "kind": "Role", "name": "reader"}
    made = kube.create(obj("RoleBinding", f"{rbac}/v1", "it", namespace, roleRef=role, subjects=[]))
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.patch(made, {"roleRef": {"name": "writer"}}, "merge")
    assert "cannot change roleRef" in status_of(error)["message"]


def test_a_secrets_type_cannot_be_changed(kube: Kube, namespace: str) -> None:
    made = kube.create(obj("Secret", "v1", "key", namespace, type="relight.test/a"))
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.patch(made, {"type": "relight.test/b"}, "merge")
    assert "field is immutable" in status_of(error)["message"]


def test_a_pods_command_cannot_be_changed_but_its_image_can(kube: Kube, namespace: str) -> None:
    made = kube.create(pod(namespace, "one", "sleep 100"))
    containers = [{"name": "main", "command": ["true"]}]
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.patch(made, {"spec": {"containers": containers}}, "strategic-merge")
    assert "pod updates may not change fields other than" in status_of(error)["message"]
    kube.patch(made, {"spec": {"containers": [{"name": "main", "image": "busybox:1.35"}]}}, "strategic-merge")


# ------------------------------------------------------------ what two objects cannot both have
def test_a_node_port_is_given_once(kube: Kube, namespace: str) -> None:
    def service(name: str, **port: int) -> Obj:
        return obj("Service", "v1", name, namespace, spec={"type": "NodePort", "ports": [{"port": 80, **port}]})

    taken = kube.create(service("one"))["spec"]["ports"][0]["nodePort"]
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.create(service("two", nodePort=taken))
    assert "provided port is already allocated" in status_of(error)["message"]


def test_a_cluster_address_is_given_once(kube: Kube, namespace: str) -> None:
    def service(name: str, **spec: str) -> Obj:
        return obj("Service", "v1", name, namespace, spec={"ports": [{"port": 80}], **spec})

    taken = kube.create(service("one"))["spec"]["clusterIP"]
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.create(service("two", clusterIP=taken))
    assert "provided IP is already allocated" in status_of(error)["message"]


# ------------------------------------------------------------ admission
def test_a_pod_of_an_unknown_priority_is_refused(kube: Kube, namespace: str) -> None:
    body = pod(namespace, "one", "true")
    body["spec"]["priorityClassName"] = "unheard"
    with pytest.raises(ForbiddenError) as error:
        kube.create(body)
    assert "no PriorityClass with name unheard was found" in status_of(error)["message"]


def quota(kube: Kube, namespace: str, **hard: str) -> None:
    made = kube.create(obj("ResourceQuota", "v1", "limits", namespace, spec={"hard": hard}))
    eventually(lambda: kube.get(made).get("status", {}).get("hard") == hard, "the quota is in force")


def test_a_quota_refuses_what_is_over_it(kube: Kube, namespace: str) -> None:
    quota(kube, namespace, pods="1")
    kube.create(pod(namespace, "one", "sleep 100"))
    with pytest.raises(ForbiddenError) as error:
        kube.create(pod(namespace, "two", "sleep 100"))
    assert "exceeded quota: limits, requested: pods=1, used: pods=1, limited: pods=1" in status_of(error)["message"]


def test_under_a_quota_of_memory_a_pod_must_say_what_it_needs(kube: Kube, namespace: str) -> None:
    quota(kube, namespace, **{"requests.memory": "1Gi"})
    with pytest.raises(ForbiddenError) as error:
        kube.create(pod(namespace, "one", "true"))
    assert "failed quota: limits: must specify requests.memory" in status_of(error)["message"]
    kube.create(pod(namespace, "two", "true", resources={"requests": {"memory": "1Gi"}}))
    with pytest.raises(ForbiddenError) as error:
        kube.create(pod(namespace, "three", "true", resources={"requests": {"memory": "1Mi"}}))
    assert "exceeded quota: limits, requested: requests.memory=1Mi" in status_of(error)["message"]


def test_a_limit_range_says_what_a_pod_needs_that_does_not_say_it(kube: Kube, namespace: str) -> None:
    limit = {"type": "Container", "default": {"memory": "64Mi"}, "defaultRequest": {"memory": "32Mi"}}
    kube.create(obj("LimitRange", "v1", "limits", namespace, spec={"limits": [limit]}))
    wanted = {"limits": {"memory": "64Mi"}, "requests": {"memory": "32Mi"}}

    def rehearsed() -> Obj:
        return dict(kube.create(pod(namespace, "one", "true"), dry_run="All")["spec"]["containers"][0]["resources"])

    eventually(lambda: rehearsed() == wanted, "the limit range fills in what is not said")
    told = kube.create(pod(namespace, "two", "true", resources={"limits": {"memory": "48Mi"}}))
    assert told["spec"]["containers"][0]["resources"] == {"limits": {"memory": "48Mi"}, "requests": {"memory": "48Mi"}}


@pytest.fixture
def guarded(kube: Kube, namespace: str) -> Iterator[Obj]:
    """A webhook that nobody answers must be asked for each ConfigMap of the namespace that is labelled ``guarded``."""
    hook = {
        "name": "guard.relight.test",
        "clientConfig": {"service": {"namespace": namespace, "name": "guard", "path": "/admit"}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"relight.test/home": namespace}},
        "objectSelector": {"matchLabels": {"guarded": "yes"}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 2,
    }
    kind, version = "ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"
    made = kube.create(obj(kind, version, f"guard-{namespace}", webhooks=[hook]))
    home = {"metadata": {"labels": {"relight.test/home": namespace}}}
    kube.patch(obj("Namespace", "v1", namespace), home, "merge")
    yield made
    kube.delete(made)


def test_a_webhook_that_nobody_answers_blocks_what_it_guards_and_nothing_else(
    kube: Kube, namespace: str, guarded: Obj
) -> None:
    body = config_map(namespace, "guarded")
    body["metadata"]["labels"] = {"guarded": "yes"}

    def refusal() -> str:
        try:
            kube.create(body, dry_run="All")
        except DynamicApiError as error:
            return f"{error.status} {json.loads(error.body)['message']}"
        return ""

    said = eventually(refusal, "the webhook is in force")
    assert said.startswith("500 Internal error occurred: failed calling webhook") and '"guard" not found' in said
    kube.create(config_map(namespace, "free"))
    kube.patch(guarded, {"webhooks": [guarded["webhooks"][0] | {"failurePolicy": "Ignore"}]}, "merge")
    eventually(lambda: not refusal(), "a webhook that may fail blocks nothing")


# ------------------------------------------------------------ questions
@pytest.mark.parametrize(("kind", "field"), [("ConfigMap", "data.a"), ("Pod", "spec.hostname"), ("Secret", "status.phase")])
def test_only_some_fields_can_be_selected(kube: Kube, namespace: str, kind: str, field: str) -> None:
    with pytest.raises(BadRequestError) as error:
        kube.list(kind, namespace, field_selector=f"{field}=x")
    assert re.search("field label not supported|not a known field selector", status_of(error)["message"])


def test_a_page_of_no_list_is_refused(kube: Kube, namespace: str) -> None:
    with pytest.raises(BadRequestError) as error:
        kube.kind("ConfigMap").get(namespace=namespace, limit=1, _continue="nothing")
    assert "continue key is not valid" in status_of(error)["message"]


def test_a_patch_of_an_unknown_type_is_415(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace))
    path = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    with pytest.raises(DynamicApiError) as error:
        kube.call("patch", path, {"data": {"a": "2"}}, content_type="application/json")
    assert error.value.status == 415
