"""Workloads that keep running: Deployments, StatefulSets, DaemonSets, and the services before them."""

from typing import Any

import pytest
from kubernetes.dynamic.exceptions import DynamicApiError

from tests.cluster.kube import PYTHON, Kube, condition, deployment, pod_spec, status_of
from tests.support import eventually

Obj = dict[str, Any]
WEB: Obj = {
    "image": PYTHON,
    "command": ["python3", "-m", "http.server", "8080", "--directory", "/etc"],
    "ports": [{"containerPort": 8080, "name": "http"}],
    "readinessProbe": {"httpGet": {"path": "/hostname", "port": "http"}, "periodSeconds": 1},
}


def available(kube: Kube, made: Obj, replicas: int = 1) -> Obj:
    return dict(
        eventually(
            lambda: (now := kube.get(made)) and now.get("status", {}).get("availableReplicas") == replicas and now,
            f"{made['metadata']['name']} is available",
        )
    )


@pytest.mark.usefixtures("needs_nodes")
def test_a_deployment_becomes_available(kube: Kube, namespace: str) -> None:
    done = available(kube, kube.create(deployment(namespace, "web", replicas=2)), 2)
    assert condition(done, "Available") == "True" and condition(done, "Progressing") == "True"
    assert done["status"]["observedGeneration"] == 1 and done["status"]["readyReplicas"] == 2
    (replicas,) = kube.list("ReplicaSet", namespace, "apps/v1")
    assert replicas["metadata"]["ownerReferences"][0]["kind"] == "Deployment"
    assert {one["metadata"]["ownerReferences"][0]["name"] for one in kube.list("Pod", namespace)} == {
        replicas["metadata"]["name"]
    }


@pytest.mark.usefixtures("needs_nodes")
def test_a_deployment_that_crashes_is_not_available(kube: Kube, namespace: str) -> None:
    made = kube.create(deployment(namespace, "web", command=["sh", "-c", "exit 1"]))

    def crashing() -> bool:
        pods = kube.list("Pod", namespace)
        statuses = pods[0].get("status", {}).get("containerStatuses") if pods else None
        return bool(statuses) and statuses[0]["restartCount"] > 0

    eventually(crashing, "its container is restarted", 40)
    eventually(lambda: condition(kube.get(made), "Available") == "False", "the deployment says that it is not available")


@pytest.mark.usefixtures("needs_nodes")
def test_a_new_template_rolls_over(kube: Kube, namespace: str) -> None:
    made = available(kube, kube.create(deployment(namespace, "web")))
    (old,) = kube.list("Pod", namespace)
    patch = {"spec": {"template": {"metadata": {"annotations": {"relight.test/round": "2"}}}}}
    kube.patch(made, patch, "strategic-merge")

    def rolled() -> bool:
        pods = kube.list("Pod", namespace)
        return len(pods) == 1 and pods[0]["metadata"]["name"] != old["metadata"]["name"]

    eventually(rolled, "the old pod is replaced", 40)
    assert len(kube.list("ReplicaSet", namespace, "apps/v1")) == 2


@pytest.mark.usefixtures("needs_nodes")
def test_a_deployment_scaled_to_zero_has_no_pods(kube: Kube, namespace: str) -> None:
    made = available(kube, kube.create(deployment(namespace, "web")))
    kube.patch(made, {"spec": {"replicas": 0}}, "merge")
    eventually(lambda: not kube.list("Pod", namespace), "its pods are gone")


@pytest.mark.usefixtures("needs_nodes")
def test_a_lost_pod_is_replaced(kube: Kube, namespace: str) -> None:
    made = available(kube, kube.create(deployment(namespace, "web")))
    (lost,) = kube.list("Pod", namespace)
    kube.delete(lost)
    eventually(lambda: kube.gone(lost), "the pod is gone")
    available(kube, made)


@pytest.mark.usefixtures("isolated")
def test_two_pods_with_the_same_port_are_reached_through_their_service(kube: Kube, namespace: str) -> None:
    available(kube, kube.create(deployment(namespace, "web", replicas=2, **WEB)), 2)
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    kube.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace}, "spec": spec})
    path = f"/api/v1/namespaces/{namespace}/services/web:80/proxy/hostname"

    def answer() -> str:
        try:
            return str(kube.call("get", path))
        except DynamicApiError as error:
            assert error.status in (503, 404, 502)
            return ""

    assert eventually(answer, "the service answers")
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "web", "namespace": namespace}}
    addresses = kube.get(endpoints)["subsets"][0]["addresses"]
    assert len({one["ip"] for one in addresses}) == 2


def test_a_service_without_ready_pods_answers_503(kube: Kube, namespace: str) -> None:
    spec = {"selector": {"app": "none"}, "ports": [{"port": 80}]}
    kube.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace}, "spec": spec})
    with pytest.raises(DynamicApiError) as error:
        kube.call("get", f"/api/v1/namespaces/{namespace}/services/web:80/proxy/")
    assert error.value.status == 503 and "no endpoints available" in status_of(error)["message"]


@pytest.mark.usefixtures("needs_nodes")
@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"path": "/no-such-file", "port": 8080}},
        {"tcpSocket": {"port": 9}},
        {"exec": {"command": ["sh", "-c", "exit 1"]}},
    ],
    ids=["http", "tcp", "exec"],
)
def test_a_pod_whose_probe_fails_runs_but_is_not_ready(kube: Kube, namespace: str, probe: Obj) -> None:
    probe = probe | {"periodSeconds": 1, "failureThreshold": 1}
    kube.create(deployment(namespace, "web", **WEB | {"readinessProbe": probe}))

    def unhealthy() -> bool:
        return any(one["reason"] == "Unhealthy" for one in kube.list("Event", namespace))

    eventually(unhealthy, "the failing probe is reported")
    (only,) = kube.list("Pod", namespace)
    assert only["status"]["phase"] == "Running" and condition(only, "Ready") == "False"


@pytest.mark.usefixtures("needs_nodes")
def test_a_stateful_set_starts_in_order_with_claims_of_its_own(kube: Kube, namespace: str) -> None:
    body = deployment(namespace, "db", replicas=2) | {"kind": "StatefulSet"}
    template = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    body["spec"] |= {"serviceName": "db", "volumeClaimTemplates": [template]}
    main = body["spec"]["template"]["spec"]["containers"][0]
    main["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    main["command"] = ["sh", "-c", "hostname > /data/me; sleep 300"]
    made = kube.create(body)
    eventually(lambda: kube.get(made).get("status", {}).get("readyReplicas") == 2, "both are ready", 40)
    assert sorted(one["metadata"]["name"] for one in kube.list("Pod", namespace)) == ["db-0", "db-1"]
    claims = kube.list("PersistentVolumeClaim", namespace)
    assert sorted(one["metadata"]["name"] for one in claims) == ["data-db-0", "data-db-1"]
    assert {one["status"]["phase"] for one in claims} == {"Bound"}


@pytest.mark.usefixtures("needs_nodes")
def test_a_daemon_set_runs_on_every_node(kube: Kube, namespace: str) -> None:
    body = deployment(namespace, "agent") | {"kind": "DaemonSet"}
    del body["spec"]["replicas"]
    made = kube.create(body)
    nodes = len(kube.kind("Node").get().items)
    eventually(lambda: kube.get(made).get("status", {}).get("numberReady") == nodes, "each node has its pod")


def test_a_pod_of_an_unknown_account_is_refused(kube: Kube, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": namespace}}
    body["spec"] = pod_spec("true") | {"serviceAccountName": "nobody"}
    with pytest.raises(DynamicApiError) as error:
        kube.create(body)
    assert error.value.status == 403 and 'serviceaccount "nobody" not found' in status_of(error)["message"]
