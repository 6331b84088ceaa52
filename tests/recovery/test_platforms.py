"""Where an image was seen running is kept with the backup; whether it runs elsewhere is unknown, and never green."""

import pytest

from relight.errors import ClusterRefused
from relight.recovery.cluster import Object
from relight.recovery.collect import collect
from relight.recovery.platforms import recorded
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import DIGEST, IMAGE, TAG, backup, deployment, namespace, obj, plan, pod, recipe

RUNNING = {"running": {"startedAt": "2026-11-25T03:00:00Z"}}


def node(name: str, architecture: str) -> Object:
    info = {"operatingSystem": "linux", "architecture": architecture}
    return obj("v1", "Node", name, None, status={"nodeInfo": info})


def primary(state: Object, image: str = TAG, **status: object) -> FakeCluster:
    cluster = FakeCluster()
    shown = {"name": "main", "imageID": f"docker-pullable://registry.example/shop@{DIGEST}", "state": state, **status}
    owner = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web-1"}]}
    running = obj("v1", "Pod", "web-1-x", metadata=owner, spec=pod(image, nodeName="n1"))
    for item in (namespace(), deployment(image=image), running | {"status": {"containerStatuses": [shown]}}):
        cluster.put(item)
    cluster.put(node("n1", "amd64"))
    return cluster


@pytest.mark.parametrize("image", [TAG, IMAGE])
@pytest.mark.parametrize("state", [RUNNING, {"terminated": {"exitCode": 0}}])
def test_the_backup_records_where_the_image_ran(state: Object, image: str) -> None:
    assert collect(primary(state, image), "shop").platforms == {IMAGE: ["linux/amd64"]}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"waiting": {"reason": "CrashLoopBackOff"}}, {"lastState": {"terminated": {"exitCode": 1}}}),
        ({"terminated": {"exitCode": 1}}, {}),
        (RUNNING, {"restartCount": 7, "lastState": {"terminated": {"exitCode": 1}}}),
    ],
)
def test_an_image_that_only_fails_there_was_not_seen_running(state: Object, status: Object) -> None:
    assert collect(primary(state, **status), "shop").platforms == {}


def test_a_backup_that_may_not_read_nodes_is_made_without_them() -> None:
    cluster = primary(RUNNING)
    cluster.failures["n1"].append(ClusterRefused("nodes is forbidden"))
    assert collect(cluster, "shop").platforms == {}


def told(seen: object) -> list[str]:
    facts = backup(extra={"platforms": seen}, platforms={})
    return [str(one) for one in plan(recipe(backup=facts)).forecast.findings]  # the runner is arm64


def test_what_ran_on_the_runners_architecture_is_no_concern_and_the_plan_lists_it() -> None:
    assert told({IMAGE: ["linux/amd64", "linux/arm64"]}) == []
    assert {tuple(row["platforms"]) for row in plan().document["images"]} == {("linux/arm64",)}


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        ({IMAGE: ["linux/amd64"]}, "was seen running on amd64 alone: whether it has arm64, which the runner is, is unknown"),
        ({}, "was not seen running anywhere: whether it has arm64, which the runner is, is unknown"),
        ({IMAGE: "linux/arm64"}, "is unknown"),
        ([IMAGE], "is unknown"),
        (None, "is unknown"),
    ],
)
def test_what_nobody_saw_there_is_unknown_and_said_so_once_an_image(seen: object, says: str) -> None:
    (said,) = told(seen)
    assert said.startswith(f"platform: {IMAGE}") and says in said and "let a drill run it" in said


def test_rows_of_another_shape_tell_nothing() -> None:
    assert recorded({"a": 5, "b": [1, "linux/arm64"], "c": None}) == {"b": ("linux/arm64",)}
