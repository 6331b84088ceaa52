"""API versions that clusters no longer serve: which successor takes the same object, and why the others need a person.

A backup may be years older than the runner. Each row was removed from every Kubernetes that still gets fixes; a version
that is in neither table is left as it is, and the cluster decides.
"""

from dataclasses import dataclass
from typing import Any

from relight.recovery.cluster import Object


@dataclass(frozen=True, slots=True)
class Successor:
    """``needs``: fields that must hold something, since the successor reads their absence differently or not at all.
    ``without``: fields that it no longer has."""

    api_version: str
    needs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


_SELECTED = ("spec.selector",)
_UPDATED = ("spec.selector", "spec.updateStrategy")
_DEPLOYMENT = Successor("apps/v1", needs=_SELECTED, without=("spec.rollbackTo",))
_SAME: dict[str, dict[str, tuple[str, ...]]] = {
    "rbac.authorization.k8s.io/v1": {
        "rbac.authorization.k8s.io/v1beta1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    },
    "batch/v1": {"batch/v1beta1": ("CronJob",)},
    "autoscaling/v2": {"autoscaling/v2beta2": ("HorizontalPodAutoscaler",)},
    "networking.k8s.io/v1": {
        "networking.k8s.io/v1beta1": ("IngressClass",),
        "extensions/v1beta1": ("NetworkPolicy",),
    },
    "scheduling.k8s.io/v1": {
        "scheduling.k8s.io/v1beta1": ("PriorityClass",),
        "scheduling.k8s.io/v1alpha1": ("PriorityClass",),
    },
    "storage.k8s.io/v1": {"storage.k8s.io/v1beta1": ("StorageClass", "CSIDriver", "CSIStorageCapacity")},
    "node.k8s.io/v1": {"node.k8s.io/v1beta1": ("RuntimeClass",)},
    "apiregistration.k8s.io/v1": {"apiregistration.k8s.io/v1beta1": ("APIService",)},
    "admissionregistration.k8s.io/v1": {
        "admissionregistration.k8s.io/v1beta1": ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    },
    "flowcontrol.apiserver.k8s.io/v1": {
        "flowcontrol.apiserver.k8s.io/v1beta1": ("FlowSchema",),
        "flowcontrol.apiserver.k8s.io/v1beta2": ("FlowSchema",),
        "flowcontrol.apiserver.k8s.io/v1beta3": ("FlowSchema", "PriorityLevelConfiguration"),
    },
}
SUCCESSORS: dict[tuple[str, str], Successor] = {
    **{
        (old, kind): Successor(new)
        for new, by_version in _SAME.items()
        for old, kinds in by_version.items()
        for kind in kinds
    },
    # An empty selector was no pod in v1beta1 and is every pod in v1.
    ("policy/v1beta1", "PodDisruptionBudget"): Successor("policy/v1", needs=_SELECTED),
    ("extensions/v1beta1", "Deployment"): _DEPLOYMENT,
    ("apps/v1beta1", "Deployment"): _DEPLOYMENT,
    ("apps/v1beta2", "Deployment"): _DEPLOYMENT,
    ("extensions/v1beta1", "ReplicaSet"): Successor("apps/v1", needs=_SELECTED),
    ("apps/v1beta2", "ReplicaSet"): Successor("apps/v1", needs=_SELECTED),
    ("extensions/v1beta1", "DaemonSet"): Successor("apps/v1", needs=_UPDATED, without=("spec.templateGeneration",)),
    ("apps/v1beta2", "DaemonSet"): Successor("apps/v1", needs=_SELECTED),
    ("apps/v1beta1", "StatefulSet"): Successor("apps/v1", needs=_UPDATED),
    ("apps/v1beta2", "StatefulSet"): Successor("apps/v1", needs=_SELECTED),
}
_OTHER_INGRESS = "networking.k8s.io/v1 names its backends and path types differently"
_OTHER_HOOKS = "admissionregistration.k8s.io/v1 needs sideEffects None or NoneOnDryRun and an answer in its own version"
_GONE_POLICY = "it has no successor: label the namespace for Pod Security admission instead"
REMOVED: dict[tuple[str, str], str] = {
    ("extensions/v1beta1", "Ingress"): _OTHER_INGRESS,
    ("networking.k8s.io/v1beta1", "Ingress"): _OTHER_INGRESS,
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): "apiextensions.k8s.io/v1 needs a schema for each version",
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration"): _OTHER_HOOKS,
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"): _OTHER_HOOKS,
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): "autoscaling/v2 writes its targets differently",
    (
        "rbac.authorization.k8s.io/v1alpha1",
        "ClusterRoleBinding",
    ): "rbac.authorization.k8s.io/v1 writes its subjects differently",
    ("rbac.authorization.k8s.io/v1alpha1", "RoleBinding"): "rbac.authorization.k8s.io/v1 writes its subjects differently",
    ("node.k8s.io/v1alpha1", "RuntimeClass"): "node.k8s.io/v1 has its handler at another place",
    ("policy/v1beta1", "PodSecurityPolicy"): _GONE_POLICY,
    ("extensions/v1beta1", "PodSecurityPolicy"): _GONE_POLICY,
    (
        "flowcontrol.apiserver.k8s.io/v1beta1",
        "PriorityLevelConfiguration",
    ): "flowcontrol.apiserver.k8s.io/v1 renamed its shares",
    (
        "flowcontrol.apiserver.k8s.io/v1beta2",
        "PriorityLevelConfiguration",
    ): "flowcontrol.apiserver.k8s.io/v1 renamed its shares",
}


def successor(obj: Object) -> str | None:
    """The API version that takes the object as it is; None when its own is still served."""
    row = SUCCESSORS.get((obj["apiVersion"], obj["kind"]))
    return row.api_version if row else None


def removed(obj: Object) -> str | None:
    """Why no cluster takes the object any more, or None."""
    version, kind = obj["apiVersion"], obj["kind"]
    row = SUCCESSORS.get((version, kind))
    if row is None:
        why = REMOVED.get((version, kind))
    else:
        lacks = [f"{row.api_version} needs {path}" for path in row.needs if not _at(obj, path)]
        lacks += [f"{row.api_version} has no {path}" for path in row.without if _at(obj, path)]
        why = ", ".join(lacks)
    return f"{version} {kind} is no longer served: {why}; convert it and back up again" if why else None


def _at(obj: Object, path: str) -> Any:
    found: Any = obj
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found
