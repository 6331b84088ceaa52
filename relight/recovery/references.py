"""What objects of an app refer to by name at cluster scope: a table of kinds, and where their names stand."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from relight.recovery.cluster import Object, Objects
from relight.recovery.objects import pod_spec

GroupKind = tuple[str, str]


def _claims(obj: Object) -> Objects:
    """The specs of a claim itself, and of those that a StatefulSet makes."""
    spec = obj.get("spec") or {}
    made = [claim.get("spec") or {} for claim in spec.get("volumeClaimTemplates") or []]
    return [spec] if obj["kind"] == "PersistentVolumeClaim" else made


def _storage_classes(obj: Object) -> Iterable[str | None]:
    return [claim.get("storageClassName") for claim in _claims(obj)]


def _priorities(obj: Object) -> Iterable[str | None]:
    return [(pod_spec(obj) or {}).get("priorityClassName")]


def _runtimes(obj: Object) -> Iterable[str | None]:
    return [(pod_spec(obj) or {}).get("runtimeClassName")]


def _drivers(obj: Object) -> Iterable[str | None]:
    return [(volume.get("csi") or {}).get("driver") for volume in (pod_spec(obj) or {}).get("volumes") or []]


def _ingresses(obj: Object) -> Iterable[str | None]:
    return [(obj.get("spec") or {}).get("ingressClassName")] if obj["kind"] == "Ingress" else []


def _roles(obj: Object) -> Iterable[str | None]:
    role = obj.get("roleRef") or {}
    return [role.get("name")] if role.get("kind") == "ClusterRole" else []


REFERENCES: dict[GroupKind, Callable[[Object], Iterable[str | None]]] = {
    ("networking.k8s.io", "IngressClass"): _ingresses,
    ("node.k8s.io", "RuntimeClass"): _runtimes,
    ("rbac.authorization.k8s.io", "ClusterRole"): _roles,
    ("scheduling.k8s.io", "PriorityClass"): _priorities,
    ("storage.k8s.io", "CSIDriver"): _drivers,
    ("storage.k8s.io", "StorageClass"): _storage_classes,
}


def references(objects: Objects) -> dict[GroupKind, set[str]]:
    """The names that the objects refer to, by group and kind."""
    found: dict[GroupKind, set[str]] = defaultdict(set)
    for obj in objects:
        for kind, name in referred(obj):
            found[kind].add(name)
    return found


def referred(obj: Object) -> Iterator[tuple[GroupKind, str]]:
    """Each (group and kind, name) that the object refers to at cluster scope."""
    for kind, names in REFERENCES.items():
        yield from ((kind, name) for name in names(obj) if name)
