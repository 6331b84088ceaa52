"""What may not change once an object is made."""

from collections.abc import Iterator
from typing import Any

from relight.local.cluster.refusals import Cause, invalid_value

Obj = dict[str, Any]
IMMUTABLE: dict[str, tuple[str, ...]] = {
    "jobs.batch": ("spec.selector", "spec.template", "spec.completionMode"),
    "deployments.apps": ("spec.selector",),
    "replicasets.apps": ("spec.selector",),
    "daemonsets.apps": ("spec.selector",),
    "secrets": ("type",),
    "storageclasses.storage.k8s.io": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "rolebindings.rbac.authorization.k8s.io": ("roleRef",),
    "clusterrolebindings.rbac.authorization.k8s.io": ("roleRef",),
    "customresourcedefinitions.apiextensions.k8s.io": ("spec.scope", "spec.group"),
}
WORDS = {"roleRef": "cannot change roleRef"}
# Specs of which only the named fields may change: (fields, the API's words).
FROZEN: dict[str, tuple[tuple[str, ...], str]] = {
    "pods": (
        ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"),
        "pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, "
        "`spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to existing tolerations), "
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    ),
    "persistentvolumeclaims": (
        ("resources", "volumeAttributesClassName", "volumeName"),
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
    ),
    "persistentvolumes": (
        (
            "claimRef",
            "capacity",
            "accessModes",
            "mountOptions",
            "nodeAffinity",
            "persistentVolumeReclaimPolicy",
            "storageClassName",
        ),
        "spec.persistentvolumesource is immutable after creation",
    ),
    "statefulsets.apps": (
        ("replicas", "ordinals", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
        "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
}


def _at(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def _fixed(obj: Obj, free: tuple[str, ...]) -> Obj:
    """The part of a spec that stays: without the free fields, and without the images of a pod's containers."""
    kept = {name: part for name, part in (obj.get("spec") or {}).items() if name not in free}
    for group in ("containers", "initContainers"):
        if group in kept:
            kept[group] = [one | {"image": ""} for one in kept[group]]
    return kept


def faults(key: str, obj: Obj, live: Obj) -> Iterator[Cause]:
    """Every change from ``live`` to ``obj`` that the API refuses."""
    for path in IMMUTABLE.get(key, ()):
        if _at(obj, path) != _at(live, path):
            yield invalid_value(path, _at(obj, path), WORDS.get(path, "field is immutable"))
    if key in FROZEN:
        free, words = FROZEN[key]
        if _fixed(obj, free) != _fixed(live, free):
            yield Cause("spec", "FieldValueForbidden", f"Forbidden: {words}")
    internal = key == "services" and "ExternalName" not in (obj["spec"].get("type"), live["spec"].get("type"))
    if internal and obj["spec"].get("clusterIP") != live["spec"].get("clusterIP"):
        yield invalid_value("spec.clusterIPs[0]", obj["spec"].get("clusterIPs"), "may not change once set")
    if live.get("immutable") and any(obj.get(part) != live.get(part) for part in ("data", "binaryData", "immutable")):
        yield Cause("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")
