"""Objects: created, read, listed, replaced; and what is refused, in the API's own words."""

import pytest
from kubernetes.dynamic.exceptions import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    UnprocessibleEntityError,
)

from tests.cluster.kube import Kube, config_map, deployment, job, status_of
from tests.support import eventually


def test_a_created_object_gets_its_identity_from_the_server(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace, a="1"))
    meta = made["metadata"]
    assert meta["uid"] and meta["resourceVersion"] and meta["creationTimestamp"].endswith("Z")
    assert kube.get(made)["data"] == {"a": "1"}


def test_generate_name_gives_each_object_a_name_of_its_own(kube: Kube, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "part-", "namespace": namespace}}
    first, second = kube.create(dict(body)), kube.create(dict(body))
    assert first["metadata"]["name"].startswith("part-") and first["metadata"]["name"] != second["metadata"]["name"]


def test_a_missing_object_is_404_and_says_which(kube: Kube, namespace: str) -> None:
    with pytest.raises(NotFoundError) as error:
        kube.get(config_map(namespace, "nothing"))
    status = status_of(error)
    assert status["message"] == 'configmaps "nothing" not found' and status["reason"] == "NotFound"
    assert status["details"] == {"name": "nothing", "kind": "configmaps"}


def test_nothing_is_created_in_a_namespace_that_is_not_there(kube: Kube) -> None:
    for attempt in (kube.create, kube.apply):
        with pytest.raises(NotFoundError) as error:
            attempt(config_map("no-such-namespace"))
        assert status_of(error)["message"] == 'namespaces "no-such-namespace" not found'


def test_creating_twice_is_409(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace))
    with pytest.raises(ConflictError) as error:
        kube.create(config_map(namespace))
    assert status_of(error)["reason"] == "AlreadyExists"
    assert status_of(error)["message"] == 'configmaps "settings" already exists'


def test_a_write_made_for_an_older_version_is_409(kube: Kube, namespace: str) -> None:
    old = kube.create(config_map(namespace, a="1"))
    kube.replace(old | {"data": {"a": "2"}})
    with pytest.raises(ConflictError) as error:
        kube.replace(old | {"data": {"a": "3"}})
    assert "the object has been modified" in status_of(error)["message"]
    assert kube.get(old)["data"] == {"a": "2"}


def test_a_replacement_that_changes_nothing_keeps_the_version(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace, a="1"))
    again = kube.replace(made)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_generation_counts_changes_of_intent_only(kube: Kube, namespace: str) -> None:
    made = kube.create(deployment(namespace, "web", replicas=0))
    assert made["metadata"]["generation"] == 1
    labelled = kube.patch(made, {"metadata": {"labels": {"a": "b"}}}, "merge")
    assert labelled["metadata"]["generation"] == 1
    paused = kube.patch(made, {"spec": {"paused": True}}, "merge")
    assert paused["metadata"]["generation"] == 2


def test_lists_are_selected_by_labels(kube: Kube, namespace: str) -> None:
    for name, labels in (("one", {"tier": "web"}), ("two", {"tier": "db"}), ("three", {})):
        body = config_map(namespace, name)
        body["metadata"]["labels"] = labels
        kube.create(body)

    def names(selector: str) -> set[str]:
        return {one["metadata"]["name"] for one in kube.list("ConfigMap", namespace, label_selector=selector)} - {
            "kube-root-ca.crt"
        }

    assert names("tier=web") == {"one"}
    assert names("tier!=web") == {"two", "three"}
    assert names("tier in (web, db)") == {"one", "two"}
    assert names("tier notin (web)") == {"two", "three"}
    assert names("tier") == {"one", "two"}
    assert names("!tier") == {"three"}
    assert names("tier,tier!=db") == {"one"}


def test_lists_are_selected_by_fields_and_carry_a_version(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace, "one"))
    found = kube.kind("ConfigMap").get(namespace=namespace, field_selector="metadata.name=one").to_dict()
    assert [one["metadata"]["name"] for one in found["items"]] == ["one"]
    assert int(found["metadata"]["resourceVersion"]) > 0


def test_long_lists_come_in_pages(kube: Kube, namespace: str) -> None:
    for number in range(5):
        kube.create(config_map(namespace, f"page-{number}"))
    resource, names, token = kube.kind("ConfigMap"), [], None
    for _ in range(10):
        page = resource.get(namespace=namespace, limit=2, _continue=token).to_dict()
        assert len(page["items"]) <= 2
        names += [one["metadata"]["name"] for one in page["items"]]
        token = page["metadata"].get("continue")
        if not token:
            break
    assert [name for name in names if name.startswith("page")] == [f"page-{number}" for number in range(5)]


def test_a_field_that_does_not_exist_is_refused_under_strict_validation(kube: Kube, namespace: str) -> None:
    body = deployment(namespace, "web")
    body["spec"]["replica"] = 3
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    with pytest.raises(BadRequestError) as error:
        kube.call("post", path, body, query_params=[("fieldValidation", "Strict")])
    assert 'strict decoding error: unknown field "spec.replica"' in status_of(error)["message"]
    assert "replica" not in kube.call("post", path, body)["spec"], "without Strict the field is dropped"


def test_a_value_of_a_wrong_type_is_400(kube: Kube, namespace: str) -> None:
    body = deployment(namespace, "web") | {"spec": deployment(namespace, "web")["spec"] | {"replicas": "three"}}
    with pytest.raises(BadRequestError) as error:
        kube.create(body)
    assert 'Deployment in version "v1" cannot be handled as a Deployment' in status_of(error)["message"]


def test_what_is_invalid_is_422_and_every_fault_is_named(kube: Kube, namespace: str) -> None:
    body = deployment(namespace, "web")
    body["spec"]["selector"] = {"matchLabels": {"app": "another"}}
    del body["spec"]["template"]["spec"]["containers"][0]["image"]
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.create(body)
    status = status_of(error)
    assert status["reason"] == "Invalid" and status["message"].startswith('Deployment.apps "web" is invalid: [')
    fields = {cause["field"] for cause in status["details"]["causes"]}
    assert fields == {"spec.template.spec.containers[0].image", "spec.template.metadata.labels"}


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "a..b"])
def test_names_that_are_no_dns_names_are_422(kube: Kube, namespace: str, name: str) -> None:
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.create(config_map(namespace, name))
    assert status_of(error)["details"]["causes"][0]["field"] == "metadata.name"


def test_a_volume_mount_needs_its_volume(kube: Kube, namespace: str) -> None:
    body = job(namespace, "work", "true", {"volumeMounts": [{"name": "state", "mountPath": "/data"}]})
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.create(body)
    assert 'volumeMounts[0].name: Not found: "state"' in status_of(error)["message"]


def test_a_jobs_template_cannot_be_changed(kube: Kube, namespace: str) -> None:
    made = kube.create(job(namespace, "work", "sleep 100", suspend=True))
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox:1.35"
    made["spec"]["suspend"] = False
    made["metadata"].pop("resourceVersion")
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.replace(made)
    assert "field is immutable" in status_of(error)["message"]


def test_a_job_with_the_selector_of_another_clusters_job_is_refused(kube: Kube, namespace: str) -> None:
    made = kube.create(job(namespace, "work", "true", suspend=True))
    copied = {**made, "metadata": {"name": "copied", "namespace": namespace}}
    copied.pop("status", None)
    with pytest.raises(UnprocessibleEntityError):
        kube.create(copied)


def test_a_claims_spec_cannot_be_changed(kube: Kube, namespace: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    meta = {"name": "state", "namespace": namespace}
    made = kube.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec})
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.patch(made, {"spec": {"accessModes": ["ReadWriteMany"]}}, "merge")
    assert "spec is immutable after creation" in status_of(error)["message"]


def test_a_service_gets_an_address_that_stays(kube: Kube, namespace: str) -> None:
    meta = {"name": "web", "namespace": namespace}
    made = kube.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}})
    spec = made["spec"]
    assert spec["clusterIP"].count(".") == 3 and spec["type"] == "ClusterIP"
    assert spec["ports"][0] == {"port": 80, "protocol": "TCP", "targetPort": 80}
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.patch(made, {"spec": {"clusterIP": "10.43.9.9", "clusterIPs": ["10.43.9.9"]}}, "merge")
    assert "may not change once set" in status_of(error)["message"]


def test_an_immutable_config_map_stays_as_it_is(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace, a="1") | {"immutable": True})
    with pytest.raises(UnprocessibleEntityError):
        kube.patch(made, {"data": {"a": "2"}}, "merge")


def test_a_rehearsed_creation_leaves_nothing(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace, a="1"), dry_run="All")
    assert made["data"] == {"a": "1"}
    assert kube.gone(made)


def test_status_and_spec_are_written_through_different_doors(kube: Kube, namespace: str) -> None:
    made = kube.create(deployment(namespace, "web", replicas=0) | {"status": {"replicas": 7}})
    assert made.get("status", {}).get("replicas", 0) == 0
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web/status"
    mark = {"type": "Marked", "status": "True"}
    body = {"spec": {"replicas": 5}, "status": {"conditions": [mark]}}
    kube.call("patch", path, body, content_type="application/merge-patch+json")
    assert kube.get(made)["spec"]["replicas"] == 0


def test_a_workload_is_scaled_through_its_scale(kube: Kube, namespace: str) -> None:
    kube.create(deployment(namespace, "web", replicas=0))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web/scale"
    scale = kube.call("get", path)
    assert scale["kind"] == "Scale" and scale["spec"].get("replicas", 0) == 0
    kube.call("patch", path, {"spec": {"replicas": 1}}, content_type="application/merge-patch+json")
    eventually(lambda: kube.list("Pod", namespace), "the scaled deployment has a pod")


def test_events_are_found_by_what_they_are_about(kube: Kube, namespace: str) -> None:
    for name in ("one", "two"):
        involved = {"kind": "ConfigMap", "apiVersion": "v1", "name": name, "namespace": namespace}
        meta = {"name": f"{name}.1", "namespace": namespace}
        kube.create({"apiVersion": "v1", "kind": "Event", "metadata": meta, "involvedObject": involved, "reason": "Told"})
    found = kube.list("Event", namespace, field_selector="involvedObject.name=two,reason=Told")
    assert [one["metadata"]["name"] for one in found] == ["two.1"]
