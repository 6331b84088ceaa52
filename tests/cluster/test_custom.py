"""Custom resources: defined, established, checked against their schema, and gone with their definition."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.dynamic.exceptions import (
    BadRequestError,
    ConflictError,
    DynamicApiError,
    NotFoundError,
    UnprocessibleEntityError,
)

from tests.cluster.kube import Kube, condition, status_of
from tests.support import eventually

Obj = dict[str, Any]
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "flavour": {"type": "string", "enum": ["plain", "rich"], "default": "plain"},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "weight": {"type": "integer"}},
                    },
                },
                "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
    },
}


@pytest.fixture
def group(kube: Kube) -> Iterator[str]:
    """The API group of a definition of Widgets, established."""
    group = f"g{uuid.uuid4().hex[:8]}.relight.test"
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": SCHEMA},
        "subresources": {"status": {}},
    }
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]}
    made = kube.create(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
        }
    )
    eventually(lambda: condition(kube.get(made), "Established") == "True", "the definition is established")
    yield group
    kube.delete(made)
    eventually(lambda: kube.gone(made), "the definition is gone")


def widgets(group: str, namespace: str) -> str:
    return f"/apis/{group}/v1/namespaces/{namespace}/widgets"


def widget(group: str, **spec: Any) -> Obj:
    return {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 1} | spec}


def apply(kube: Kube, group: str, namespace: str, body: Obj, manager: str) -> Obj:
    where = f"{widgets(group, namespace)}/one"
    return dict(kube.call("patch", where, body, content_type="application/apply-patch+yaml", field_manager=manager))


def test_a_custom_resource_is_served_once_established(kube: Kube, namespace: str, group: str, tmp_path: Path) -> None:
    made = kube.call("post", widgets(group, namespace), widget(group, extra={"free": ["form"]}))
    assert made["metadata"]["generation"] == 1
    assert made["spec"] == {"size": 1, "flavour": "plain", "extra": {"free": ["form"]}}
    resources = {one["name"]: one["kind"] for one in kube.call("get", f"/apis/{group}/v1")["resources"]}
    assert resources["widgets"] == "Widget" and "widgets/status" in resources


def test_a_fresh_client_discovers_it(kube: Kube, namespace: str, group: str, kubeconfig: Path, tmp_path: Path) -> None:
    fresh = Kube(kubeconfig, tmp_path / "cache.json")
    body = widget(group)
    body["metadata"]["namespace"] = namespace
    assert fresh.create(body)["kind"] == "Widget"


@pytest.mark.parametrize(
    ("spec", "field"), [({"size": 0}, "spec.size"), ({"flavour": "odd"}, "spec.flavour"), ({"size": "big"}, "spec.size")]
)
def test_its_schema_is_enforced(kube: Kube, namespace: str, group: str, spec: Obj, field: str) -> None:
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.call("post", widgets(group, namespace), widget(group, **spec))
    assert field in status_of(error)["message"]


def test_a_required_field_is_required(kube: Kube, namespace: str, group: str) -> None:
    body = widget(group)
    del body["spec"]["size"]
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.call("post", widgets(group, namespace), body)
    assert "spec.size: Required value" in status_of(error)["message"]


def test_its_list_map_keys_guide_apply(kube: Kube, namespace: str, group: str) -> None:
    apply(kube, group, namespace, widget(group, parts=[{"name": "a", "weight": 1}]), "one")
    body = widget(group, parts=[{"name": "b", "weight": 2}])
    merged = apply(kube, group, namespace, body, "two")
    assert {part["name"] for part in merged["spec"]["parts"]} == {"a", "b"}
    with pytest.raises(ConflictError) as error:
        apply(kube, group, namespace, widget(group, parts=[{"name": "a", "weight": 9}]), "three")
    assert '.spec.parts[name="a"].weight' in status_of(error)["message"]


def test_status_is_a_door_of_its_own(kube: Kube, namespace: str, group: str) -> None:
    where = f"{widgets(group, namespace)}/one"
    kube.call("post", widgets(group, namespace), widget(group) | {"status": {"ready": True}})
    assert not kube.call("get", where).get("status")
    kube.call(
        "patch",
        f"{where}/status",
        {"status": {"ready": True}, "spec": {"size": 5}},
        content_type="application/merge-patch+json",
    )
    found = kube.call("get", where)
    assert found["status"] == {"ready": True} and found["spec"]["size"] == 1


def test_its_objects_go_with_the_definition(kube: Kube, namespace: str, group: str) -> None:
    kube.call("post", widgets(group, namespace), widget(group))
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
    }
    body = kube.get(definition)
    kube.delete(definition)
    eventually(lambda: kube.gone(definition), "the definition is gone")

    def unserved() -> bool:
        try:
            kube.call("get", widgets(group, namespace))
        except NotFoundError:
            return True
        return False

    eventually(unserved, "the kind is no longer served")
    kube.create(
        {name: body[name] for name in ("apiVersion", "kind", "spec")} | {"metadata": {"name": body["metadata"]["name"]}}
    )
    eventually(lambda: condition(kube.get(definition), "Established") == "True", "it is established again")
    eventually(lambda: not unserved(), "it is served again")
    assert kube.call("get", widgets(group, namespace))["items"] == []


def test_what_its_schema_does_not_know_is_dropped(kube: Kube, namespace: str, group: str) -> None:
    made = kube.call("post", widgets(group, namespace), widget(group, unheard="x") | {"stray": 1})
    assert made["spec"] == {"size": 1, "flavour": "plain"} and "stray" not in made


def test_a_strategic_patch_is_none_for_it(kube: Kube, namespace: str, group: str) -> None:
    kube.call("post", widgets(group, namespace), widget(group))
    where = f"{widgets(group, namespace)}/one"
    with pytest.raises(DynamicApiError) as error:
        kube.call("patch", where, {"spec": {"size": 2}}, content_type="application/strategic-merge-patch+json")
    assert error.value.status == 415


def test_its_fields_are_selected_by_name_only(kube: Kube, namespace: str, group: str) -> None:
    kube.call("post", widgets(group, namespace), widget(group))
    found = kube.call("get", f"{widgets(group, namespace)}?fieldSelector=metadata.name%3Done")
    assert [one["metadata"]["name"] for one in found["items"]] == ["one"]
    with pytest.raises(BadRequestError):
        kube.call("get", f"{widgets(group, namespace)}?fieldSelector=spec.size%3D1")


def test_one_object_is_served_in_each_of_its_versions(kube: Kube, namespace: str, group: str) -> None:
    definition = kube.get(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{group}"},
        }
    )
    old = definition["spec"]["versions"][0] | {"name": "v1beta1", "storage": False}
    versions = [*definition["spec"]["versions"], old]
    kube.patch(definition, {"spec": {"versions": versions}}, "merge")
    made = kube.call("post", widgets(group, namespace), widget(group))
    where = f"/apis/{group}/v1beta1/namespaces/{namespace}/widgets/one"

    def served() -> Obj | None:
        try:
            return dict(kube.call("get", where))
        except NotFoundError:
            return None

    found = eventually(served, "the older version is served")
    assert found["apiVersion"] == f"{group}/v1beta1" and found["metadata"]["uid"] == made["metadata"]["uid"]
    group_found = kube.call("get", f"/apis/{group}")
    assert group_found["preferredVersion"]["version"] == "v1", "the stable version is preferred"
