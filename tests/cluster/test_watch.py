"""Watches: everything that happens after a version, in order, and nothing twice."""

import threading

import pytest

from tests.cluster.kube import Kube, config_map

pytestmark = pytest.mark.slow


def test_a_watch_starts_with_what_is_there(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace, "one"))
    seen = list(kube.events(kube.kind("ConfigMap"), namespace, timeout=1))
    assert ("ADDED", "one") in seen


def test_a_watch_from_a_version_tells_only_what_came_after(kube: Kube, namespace: str) -> None:
    first = kube.create(config_map(namespace, "one", a="1"))
    kube.create(config_map(namespace, "two"))
    kube.patch(first, {"data": {"a": "2"}}, "merge")
    kube.delete(first)
    version = first["metadata"]["resourceVersion"]
    seen = list(kube.events(kube.kind("ConfigMap"), namespace, timeout=1, resource_version=version))
    told = [event for event in seen if event[1] in ("one", "two")]
    assert told == [("ADDED", "two"), ("MODIFIED", "one"), ("DELETED", "one")]


def test_a_watch_hears_what_happens_while_it_runs(kube: Kube, namespace: str) -> None:
    version = kube.kind("ConfigMap").get(namespace=namespace).metadata.resourceVersion
    timer = threading.Timer(0.3, lambda: kube.create(config_map(namespace, "late")))
    timer.start()
    events = kube.events(kube.kind("ConfigMap"), namespace, timeout=5, resource_version=version)
    assert next(event for event in events if event[1] == "late") == ("ADDED", "late")
    timer.join()


def test_an_object_that_leaves_the_selection_is_deleted_for_its_watcher(kube: Kube, namespace: str) -> None:
    body = config_map(namespace, "one")
    body["metadata"]["labels"] = {"tier": "web"}
    made = kube.create(body)
    kube.patch(made, {"metadata": {"labels": {"tier": "db"}}}, "merge")
    kube.patch(made, {"metadata": {"labels": {"tier": "web"}}}, "merge")
    version = made["metadata"]["resourceVersion"]
    options = {"timeout": 1, "resource_version": version, "label_selector": "tier=web"}
    assert list(kube.events(kube.kind("ConfigMap"), namespace, **options)) == [("DELETED", "one"), ("ADDED", "one")]


def test_a_watch_of_one_name_hears_of_no_other(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace, "one"))
    kube.create(config_map(namespace, "two"))
    assert list(kube.events(kube.kind("ConfigMap"), namespace, name="two", timeout=1)) == [("ADDED", "two")]


@pytest.mark.usefixtures("emulated")
def test_a_watch_from_long_ago_is_told_to_list_again(kube: Kube, namespace: str) -> None:
    """What a real cluster remembers depends on its age and load; this one's memory begins when it starts."""
    path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&timeoutSeconds=2&resourceVersion=1"
    (event,) = kube.watched(path)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert "too old resource version" in event["object"]["message"]


def test_a_quiet_watch_says_how_far_it_has_seen(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace, "one"))
    version = made["metadata"]["resourceVersion"]
    path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&timeoutSeconds=4&allowWatchBookmarks=true"
    event = kube.watched(f"{path}&resourceVersion={version}")[-1]
    assert event["type"] == "BOOKMARK" and event["object"]["kind"] == "ConfigMap"
    assert int(event["object"]["metadata"]["resourceVersion"]) >= int(version)
