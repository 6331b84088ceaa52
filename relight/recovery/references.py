"""What objects of an app refer to by name at cluster scope: a table of kinds, and where their names stand."""

from collections.abc import Callable, Iterable, Iterator

from relight.recovery.cluster import Object, Objects
from relight.recovery.objects import containers, pod_spec

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

# Not kubernetes.io/ingress.class: it names a controller's class, which need not be an object.
ANNOTATIONS: dict[str, GroupKind] = {
    "cert-manager.io/cluster-issuer": ("cert-manager.io", "ClusterIssuer"),
    "volume.beta.kubernetes.io/storage-class": ("storage.k8s.io", "StorageClass"),
}
REFERRED = frozenset({*REFERENCES, *ANNOTATIONS.values()})


def referred(obj: Object) -> Iterator[tuple[GroupKind, str]]:
    """Each (group and kind, name) that the object refers to at cluster scope, by its fields or by an annotation."""
    for kind, names in REFERENCES.items():
        yield from ((kind, name) for name in names(obj) if name)
    told = obj["metadata"].get("annotations") or {}
    yield from ((kind, name) for key, kind in ANNOTATIONS.items() if isinstance(name := told.get(key), str) and name)


def needed(obj: Object) -> Iterator[tuple[str, str]]:
    """(kind, name) of each object of the same namespace without which the object's pods do not start."""
    spec = pod_spec(obj) or {}
    account = spec.get("serviceAccountName")
    if account and account != "default":
        yield "ServiceAccount", account
    for volume in spec.get("volumes") or []:
        if claimed := (volume.get("persistentVolumeClaim") or {}).get("claimName"):
            yield "PersistentVolumeClaim", claimed
        for source in (volume, *((volume.get("projected") or {}).get("sources") or [])):
            yield from _data(source.get("configMap"), source.get("secret"))
    for item in containers(spec):
        for source in item.get("envFrom") or []:
            yield from _data(source.get("configMapRef"), source.get("secretRef"))
        for entry in item.get("env") or []:
            value = entry.get("valueFrom") or {}
            yield from _data(value.get("configMapKeyRef"), value.get("secretKeyRef"))


def _data(config: Object | None, secret: Object | None) -> Iterator[tuple[str, str]]:
    for kind, reference in (("ConfigMap", config), ("Secret", secret)):
        name = (reference or {}).get("name") or (reference or {}).get("secretName")
        if name and not (reference or {}).get("optional") and name != "kube-root-ca.crt":
            yield kind, name
