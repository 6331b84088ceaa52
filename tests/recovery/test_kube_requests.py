"""The Kubernetes adapter against a small HTTP server: what it asks, and what it reads."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from relight.adapters.kube import Cluster
from relight.errors import ClusterNotReady, ServiceUnavailable
from tests.recovery.api import CONFIG_MAPS, OBJECT, Api


def test_server_side_apply_names_its_manager_and_takes_over(api: Api, cluster: Cluster) -> None:
    api.answers[f"{CONFIG_MAPS}/a"] = (201, OBJECT)
    assert cluster.apply(OBJECT, dry_run=True) == OBJECT
    method, _, query, content, body = api.asked[-1]
    assert (method, content, body) == ("PATCH", "application/apply-patch+yaml", OBJECT)
    assert query == {"fieldManager": ["relight"], "force": ["true"], "dryRun": ["All"]}


def test_a_listing_is_read_to_its_end_and_every_item_says_what_it_is(api: Api, cluster: Cluster) -> None:
    def page(query: dict[str, list[str]]) -> Any:
        more = "continue" not in query
        return {"metadata": {"continue": "x" if more else ""}, "items": [{"metadata": {"name": "a" if more else "b"}}]}

    api.answers[CONFIG_MAPS] = (200, page)
    found = cluster.list("v1", "ConfigMap", "shop", labels="app=web")
    assert [(item["kind"], item["metadata"]["name"]) for item in found] == [("ConfigMap", "a"), ("ConfigMap", "b")]
    assert api.asked[-1][2]["labelSelector"] == ["app=web"]


def test_what_is_not_there_is_none_and_deleting_it_is_harmless(api: Api, cluster: Cluster) -> None:
    assert cluster.get("v1", "ConfigMap", "shop", "a") is None
    assert cluster.delete("v1", "ConfigMap", "shop", "a") is False
    api.answers[f"{CONFIG_MAPS}/a"] = (200, OBJECT)
    assert cluster.delete("v1", "ConfigMap", "shop", "a") is True
    assert api.asked[-1][4]["propagationPolicy"] == "Background"


def test_a_patch_is_a_merge_patch(api: Api, cluster: Cluster) -> None:
    api.answers[f"{CONFIG_MAPS}/a"] = (200, OBJECT)
    cluster.patch("v1", "ConfigMap", "shop", "a", {"data": {"k": None}})
    assert api.asked[-1][3:] == ("application/merge-patch+json", {"data": {"k": None}})


def test_a_log_is_cut_to_its_end(api: Api, cluster: Cluster) -> None:
    api.answers["/api/v1/namespaces/shop/pods/p/log"] = (200, "x" * 50 + "the end")
    assert cluster.pod_log("shop", "p", container="main", lines=5, limit=7) == "the end"
    assert api.asked[-1][2] == {"tailLines": ["5"], "container": ["main"]}


def test_a_watch_yields_each_change(api: Api, cluster: Cluster) -> None:
    events = [{"type": "ADDED", "object": OBJECT}, {"type": "DELETED", "object": OBJECT}]
    api.answers[CONFIG_MAPS] = (200, "\n".join(json.dumps(event) for event in events) + "\n")
    assert [kind for kind, _ in cluster.watch("v1", "ConfigMap", "shop", seconds=1)] == ["ADDED", "DELETED"]


def test_a_watch_that_expired_says_so(api: Api, cluster: Cluster) -> None:
    api.answers[CONFIG_MAPS] = (200, json.dumps({"type": "ERROR", "object": {"message": "too old"}}) + "\n")
    with pytest.raises(ServiceUnavailable, match="too old"):
        list(cluster.watch("v1", "ConfigMap", "shop", seconds=1))


def test_the_cluster_says_what_it_is(api: Api, cluster: Cluster) -> None:
    assert cluster.version()["emulated"] is True and cluster.ready()
    api.answers["/version"] = (200, {"gitVersion": "v1.34.1+k3s1"})
    assert cluster.version()["emulated"] is False


def test_every_listable_kind_is_known_in_its_preferred_version(api: Api, cluster: Cluster) -> None:
    found = {(kind.api_version, kind.kind, kind.namespaced) for kind in cluster.resources()}
    assert ("apps/v1", "Deployment", True) in found and ("v1", "Namespace", False) in found
    assert not [kind for _, kind, _ in found if kind == "Binding"]


def test_a_kind_that_only_another_version_of_its_group_has_is_not_passed_over(api: Api, cluster: Cluster) -> None:
    versions = [{"groupVersion": f"gateway.example.com/{name}"} for name in ("v1", "v1beta1")]
    groups = [{"name": "gateway.example.com", "preferredVersion": versions[0], "versions": versions}]
    api.answers["/apis"] = (200, {"groups": groups})
    for version, kinds in (("v1", ["Gateway"]), ("v1beta1", ["Gateway", "ReferenceGrant"])):
        listed = [{"name": kind.lower(), "kind": kind, "namespaced": True, "verbs": ["list"]} for kind in kinds]
        api.answers[f"/apis/gateway.example.com/{version}"] = (200, {"resources": listed})
    found = [(kind.api_version, kind.kind) for kind in cluster.resources() if kind.api_version != "v1"]
    assert found == [("gateway.example.com/v1", "Gateway"), ("gateway.example.com/v1beta1", "ReferenceGrant")]


def test_a_kind_that_appears_later_is_found(api: Api, cluster: Cluster) -> None:
    with pytest.raises(ClusterNotReady, match=r"example\.com/v1 Widget"):
        cluster.get("example.com/v1", "Widget", "shop", "one")
    widgets = [{"name": "widgets", "kind": "Widget", "namespaced": True, "verbs": ["get"]}]
    api.answers["/apis/example.com/v1"] = (200, {"resources": widgets})
    api.answers["/apis/example.com/v1/namespaces/shop/widgets/one"] = (200, {"metadata": {"name": "one"}})
    time.sleep(0.3)
    assert cluster.get("example.com/v1", "Widget", "shop", "one") is not None


def test_connections_are_kept_and_a_watch_left_early_does_not_poison_one(api: Api, cluster: Cluster) -> None:
    events = "".join(json.dumps({"type": "ADDED", "object": OBJECT}) + "\n" for _ in range(5000))
    api.answers[CONFIG_MAPS] = (200, events)
    next(iter(cluster.watch("v1", "ConfigMap", "shop", seconds=1)))
    cluster.version()
    opened = api.opened
    for _ in range(5):
        assert cluster.version()["emulated"]
    assert api.opened == opened


def test_many_threads_share_one_client(api: Api, cluster: Cluster) -> None:
    api.answers[f"{CONFIG_MAPS}/a"] = (200, OBJECT)
    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(lambda _: cluster.apply(OBJECT), range(200))) == [OBJECT] * 200
    assert [path for _, path, *_ in api.asked].count("/api/v1") == 1


def test_an_app_that_redirects_is_told_so_and_nobody_is_led_anywhere(api: Api, cluster: Cluster) -> None:
    api.answers["/api/v1/namespaces/shop/services/web/proxy/health"] = (302, "/elsewhere")
    api.answers["/elsewhere"] = (200, "ok")
    assert cluster.proxy("shop", "web", "/health").status == 302
    assert "/elsewhere" not in [asked[1] for asked in api.asked]
