"""The three patches, and server-side apply with its owners."""

from typing import Any

import pytest
from kubernetes.dynamic.exceptions import BadRequestError, ConflictError, DynamicApiError, UnprocessibleEntityError

from tests.cluster.kube import BUSYBOX, Kube, config_map, deployment, status_of


def test_a_merge_patch_sets_and_removes(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace, a="1", b="2"))
    assert kube.patch(made, {"data": {"a": None, "c": "3"}}, "merge")["data"] == {"b": "2", "c": "3"}


def test_a_json_patch_tests_before_it_changes(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace, a="1"))
    changed = kube.patch(
        made, [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "add", "path": "/data/b", "value": "2"}], "json"
    )
    assert changed["data"] == {"a": "1", "b": "2"}
    with pytest.raises(UnprocessibleEntityError):
        kube.patch(made, [{"op": "test", "path": "/data/a", "value": "9"}, {"op": "remove", "path": "/data/b"}], "json")
    assert kube.get(made)["data"] == {"a": "1", "b": "2"}


def test_a_strategic_patch_finds_list_items_by_their_key(kube: Kube, namespace: str) -> None:
    body = deployment(namespace, "web", replicas=0, env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    made = kube.create(body)
    env = [{"name": "B", "value": "3"}, {"name": "A", "$patch": "delete"}, {"name": "C", "value": "4"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": env}]}}}}
    main = kube.patch(made, patch, "strategic-merge")["spec"]["template"]["spec"]["containers"][0]
    assert main["image"] == BUSYBOX
    assert {one["name"]: one["value"] for one in main["env"]} == {"B": "3", "C": "4"}


def test_a_merge_patch_replaces_a_whole_list(kube: Kube, namespace: str) -> None:
    made = kube.create(deployment(namespace, "web", replicas=0, env=[{"name": "A", "value": "1"}]))
    containers = [{"name": "main", "image": BUSYBOX, "command": ["true"]}]
    changed = kube.patch(made, {"spec": {"template": {"spec": {"containers": containers}}}}, "merge")
    assert "env" not in changed["spec"]["template"]["spec"]["containers"][0]


# ------------------------------------------------------------ server-side apply
def entry(obj: dict[str, Any], manager: str) -> dict[str, Any]:
    entries = [one for one in obj["metadata"]["managedFields"] if one["manager"] == manager]
    assert len(entries) == 1, [(one["manager"], one["operation"]) for one in obj["metadata"]["managedFields"]]
    return dict(entries[0])


def owned(obj: dict[str, Any], manager: str) -> dict[str, Any]:
    return dict(entry(obj, manager)["fieldsV1"])


def test_apply_creates_and_records_who_owns_what(kube: Kube, namespace: str) -> None:
    made = kube.apply(config_map(namespace, a="1"), "relight")
    assert owned(made, "relight") == {"f:data": {"f:a": {}}}
    entry = made["metadata"]["managedFields"][0]
    assert (entry["operation"], entry["apiVersion"], entry["fieldsType"]) == ("Apply", "v1", "FieldsV1")


def test_applying_the_same_again_changes_nothing(kube: Kube, namespace: str) -> None:
    for body in (config_map(namespace, a="1"), deployment(namespace, "web", replicas=0)):
        kube.apply(body)
        first = entry(kube.apply(body), "relight")
        assert entry(kube.apply(body), "relight") == first, "its time included"
        assert kube.get(body)["metadata"].get("generation", 1) == 1


def test_what_a_manager_no_longer_applies_is_removed(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, a="1", b="2"))
    assert kube.apply(config_map(namespace, b="2"))["data"] == {"b": "2"}


def test_what_somebody_else_applies_too_stays(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, a="1", b="2"), "relight")
    kube.apply(config_map(namespace, a="1"), "operator")
    assert kube.apply(config_map(namespace, b="2"), "relight")["data"] == {"a": "1", "b": "2"}


def test_two_managers_build_one_object(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, a="1"), "one")
    assert kube.apply(config_map(namespace, b="2"), "two")["data"] == {"a": "1", "b": "2"}


def test_a_field_of_another_manager_is_a_conflict_unless_forced(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, a="1"), "one")
    with pytest.raises(ConflictError) as error:
        kube.apply(config_map(namespace, a="2"), "two")
    status = status_of(error)
    assert status["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    assert status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}
    ]
    assert kube.get(config_map(namespace))["data"] == {"a": "1"}
    forced = kube.apply(config_map(namespace, a="2"), "two", force=True)
    assert forced["data"] == {"a": "2"} and owned(forced, "two") == {"f:data": {"f:a": {}}}
    assert not [one for one in forced["metadata"]["managedFields"] if one["manager"] == "one"]


def test_several_conflicts_are_all_named(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, a="1", b="1"), "one")
    with pytest.raises(ConflictError) as error:
        kube.apply(config_map(namespace, a="2", b="2"), "two")
    assert {cause["field"] for cause in status_of(error)["details"]["causes"]} == {".data.a", ".data.b"}


def test_a_field_that_was_updated_belongs_to_who_updated_it(kube: Kube, namespace: str) -> None:
    made = kube.apply(deployment(namespace, "web", replicas=0), "relight")
    kube.patch(made, {"spec": {"replicas": 2, "paused": True}}, "merge")
    with pytest.raises(ConflictError) as error:
        kube.apply(deployment(namespace, "web", replicas=0), "relight")
    assert ".spec.replicas" in status_of(error)["message"]
    assert kube.apply(deployment(namespace, "web", replicas=0), "relight", force=True)["spec"]["replicas"] == 0


def test_list_items_are_merged_by_key_and_removed_alone(kube: Kube, namespace: str) -> None:
    kube.apply(deployment(namespace, "web", 0, env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]))
    other = deployment(namespace, "web", 0, env=[{"name": "C", "value": "3"}])
    kube.apply(other, "other")
    changed = kube.apply(deployment(namespace, "web", 0, env=[{"name": "B", "value": "2"}]))
    env = changed["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {one["name"] for one in env} == {"B", "C"}


def test_a_rehearsed_apply_shows_the_result_and_changes_nothing(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, a="1"))
    assert kube.apply(config_map(namespace, a="2"), dry_run="All")["data"] == {"a": "2"}
    assert kube.get(config_map(namespace))["data"] == {"a": "1"}
    with pytest.raises(ConflictError):
        kube.apply(config_map(namespace, a="2"), "two", dry_run="All")


def test_a_field_that_does_not_exist_cannot_be_applied(kube: Kube, namespace: str) -> None:
    body = deployment(namespace, "web")
    body["spec"]["replica"] = 3
    with pytest.raises(DynamicApiError) as error:
        kube.apply(body)
    assert ".spec.replica: field not declared in schema" in status_of(error)["message"]
    assert kube.gone(body)


def test_managed_fields_cannot_be_applied(kube: Kube, namespace: str) -> None:
    made = kube.apply(config_map(namespace, a="1"))
    with pytest.raises(BadRequestError) as error:
        kube.apply(made)
    assert status_of(error)["message"] == "metadata.managedFields must be nil"


def test_apply_for_an_older_object_of_the_same_name_is_refused(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, a="1"))
    body = config_map(namespace, a="2")
    body["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.apply(body)
    assert status_of(error)["details"]["causes"][0]["field"] == "metadata.uid"
    with pytest.raises(ConflictError) as absent:
        kube.apply(body | {"metadata": body["metadata"] | {"name": "absent"}})
    assert "no existing object was found" in status_of(absent)["message"]


def test_a_rehearsed_apply_of_something_new_leaves_nothing(kube: Kube, namespace: str) -> None:
    assert kube.apply(config_map(namespace, a="1"), dry_run="All")["metadata"]["uid"]
    assert kube.gone(config_map(namespace))


def test_a_list_item_given_twice_cannot_be_applied(kube: Kube, namespace: str) -> None:
    """Other clients may create it: a manifest with a variable given twice comes back only by create, or corrected."""
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    with pytest.raises(DynamicApiError) as error:
        kube.apply(deployment(namespace, "web", 0, env=env))
    assert 'duplicate entries for key [name="A"]' in status_of(error)["message"]
    made = kube.create(deployment(namespace, "web", 0, env=env))
    assert made["spec"]["template"]["spec"]["containers"][0]["env"] == env
