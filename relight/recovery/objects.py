"""What an object is called, and what of it is worth restoring."""

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from relight.model import canonical
from relight.recovery.cluster import Object, Objects

# Assigned by the cluster that the object came from, meaningless or harmful on another: kind ("*": every kind) -> paths.
ASSIGNED: dict[str, tuple[str, ...]] = {
    "*": (
        "status",
        "metadata.uid",
        "metadata.resourceVersion",
        "metadata.generation",
        "metadata.creationTimestamp",
        "metadata.deletionTimestamp",
        "metadata.deletionGracePeriodSeconds",
        "metadata.managedFields",
        "metadata.selfLink",
        "metadata.generateName",
        "metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration",
        "metadata.annotations.deployment\\.kubernetes\\.io/revision",
    ),
    "Namespace": ("spec", "metadata.labels.kubernetes\\.io/metadata\\.name"),
    "Service": ("spec.clusterIP", "spec.clusterIPs", "spec.healthCheckNodePort", "spec.ipFamilies", "spec.ipFamilyPolicy"),
    "Pod": ("spec.nodeName",),
    "PersistentVolumeClaim": (
        "spec.volumeName",
        "metadata.annotations.pv\\.kubernetes\\.io/bind-completed",
        "metadata.annotations.pv\\.kubernetes\\.io/bound-by-controller",
        "metadata.annotations.volume\\.kubernetes\\.io/selected-node",
        "metadata.annotations.volume\\.kubernetes\\.io/storage-provisioner",
        "metadata.annotations.volume\\.beta\\.kubernetes\\.io/storage-provisioner",
    ),
    "Job": (
        "spec.selector",
        "spec.manualSelector",
        "spec.template.metadata.labels.controller-uid",
        "spec.template.metadata.labels.job-name",
        "spec.template.metadata.labels.batch\\.kubernetes\\.io/controller-uid",
        "spec.template.metadata.labels.batch\\.kubernetes\\.io/job-name",
        "metadata.labels.controller-uid",
        "metadata.labels.batch\\.kubernetes\\.io/controller-uid",
    ),
    "ServiceAccount": ("secrets",),
}
CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CSIDriver",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
# Where each kind keeps the spec of the pods it makes.
TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")
POD_SPEC: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(TEMPLATED, ("spec", "template", "spec")),
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What names an object in a cluster, whatever version it is written in. ``namespace`` is empty for cluster scope."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


def identity(obj: Object) -> Identity:
    """Raises KeyError or TypeError for what is no object; ``malformed`` says so first."""
    metadata = obj["metadata"]
    return Identity(group(obj), obj["kind"], metadata.get("namespace") or "", metadata["name"])


def group(obj: Object) -> str:
    head, _, version = str(obj["apiVersion"]).rpartition("/")
    return head if version else ""


def malformed(obj: Any) -> str | None:
    """Why this is no Kubernetes object, or None."""
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
        return "is not an object with metadata"
    texts = {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind"), "metadata.name": obj["metadata"].get("name")}
    missing = [key for key, value in texts.items() if not isinstance(value, str) or not value]
    return f"has no {', '.join(missing)}" if missing else None


def flatten(documents: Objects) -> Objects:
    """The documents with every List replaced by its items."""
    found: Objects = []
    for document in documents:
        items = document.get("items") if isinstance(document, dict) else None
        listed = isinstance(items, list) and str(document.get("kind", "")).endswith("List")
        found += flatten(items) if listed and isinstance(items, list) else [document]
    return found


def clean(obj: Object) -> Object:
    """A copy without what the old cluster assigned. A headless Service stays headless."""
    copied = deepcopy(obj)
    headless = obj["kind"] == "Service" and (obj.get("spec") or {}).get("clusterIP") == "None"
    for path in (*ASSIGNED["*"], *ASSIGNED.get(obj["kind"], ())):
        _drop(copied, _keys(path))
    if headless:
        copied.setdefault("spec", {})["clusterIP"] = "None"
    return copied


def sha256(obj: Object) -> str:
    """Digest of the object's canonical JSON: equal for equal objects, in every process."""
    return hashlib.sha256(canonical(obj)).hexdigest()


def pod_spec(obj: Object) -> Object | None:
    """The spec of the pods that this object makes, in place; None for kinds that make none."""
    path = POD_SPEC.get(obj["kind"])
    found: Any = obj if path else None
    for key in path or ():
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def containers(spec: Object) -> Objects:
    listed = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return [item for item in listed if isinstance(item, dict)]


def _keys(path: str) -> list[str]:
    return [part.replace("\0", ".") for part in path.replace("\\.", "\0").split(".")]


def _drop(obj: Object, keys: list[str]) -> None:
    """Removes a field, and the maps that this leaves empty."""
    *parents, last = keys
    trail: list[tuple[Object, str]] = []
    current: Any = obj
    for key in parents:
        if not isinstance(current, dict) or not isinstance(current.get(key), dict):
            return
        trail.append((current, key))
        current = current[key]
    if current.pop(last, None) is None:
        return
    for parent, key in reversed(trail):
        if parent[key] or key == "metadata":
            return
        del parent[key]
