"""The cluster that a plan is held against: an empty runner, known from a table, or one that stands and can be asked."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from relight.errors import ClusterNotReady
from relight.recovery.cluster import ClusterApi
from relight.recovery.objects import Identity
from relight.recovery.prepare import PlannedObject
from relight.recovery.standing import OWN, Before, Existing, Standing, survey

# What k3s serves without any CRD, in the versions that a current backup may hold.
SERVED: dict[str, str] = {
    "v1": "ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate "
    "ReplicationController ResourceQuota Secret Service ServiceAccount",
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingAdmissionPolicy "
    "ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apiregistration.k8s.io/v1": "APIService",
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "autoscaling/v1": "HorizontalPodAutoscaler",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "batch/v1": "CronJob Job",
    "certificates.k8s.io/v1": "CertificateSigningRequest",
    "coordination.k8s.io/v1": "Lease",
    "discovery.k8s.io/v1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "flowcontrol.apiserver.k8s.io/v1": "FlowSchema PriorityLevelConfiguration",
    "k3s.cattle.io/v1": "Addon ETCDSnapshotFile",
    "networking.k8s.io/v1": "Ingress IngressClass NetworkPolicy",
    "node.k8s.io/v1": "RuntimeClass",
    "policy/v1": "PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "scheduling.k8s.io/v1": "PriorityClass",
    "storage.k8s.io/v1": "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment",
}
GroupVersionKind = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``served``: api version and kind, of the plan's own kinds at least. ``before``: what stands there of the plan's kinds.
    ``named``: what else objects may refer to at cluster scope. ``silent``: API versions that do not answer, and why."""

    name: str
    served: frozenset[GroupVersionKind]
    before: Before = field(default_factory=dict, repr=False)
    named: frozenset[tuple[str, str, str]] = OWN
    silent: Mapping[str, str] = field(default_factory=dict, repr=False)


EMPTY = Target(
    name="empty",
    served=frozenset((version, kind) for version, kinds in SERVED.items() for kind in kinds.split()),
    before={Identity(group, kind, "", name): Standing(version="", ours=False) for group, kind, name in OWN},
)


def inspect(
    cluster: ClusterApi, name: str, objects: Sequence[PlannedObject], referred: Collection[tuple[str, str]]
) -> Target:
    """A cluster as it stands. ``referred``: group and kind of what the objects name at cluster scope. Changes nothing.

    Raises the cluster's errors when it cannot be asked at all.
    """
    cluster.version()  # a cluster that does not answer is an error, not an empty one
    listed = [(one.api_version, one.kind) for one in cluster.resources()]
    asked = [item for item in objects if item.object is not None and item.object["apiVersion"] not in cluster.silent]
    kinds = sorted({(obj["apiVersion"], obj["kind"]) for item in asked if (obj := item.object) is not None})
    with ThreadPoolExecutor(8, thread_name_prefix="inspect") as pool:
        before = survey(cluster, asked, pool, lambda call: call(), Existing.KEEP)
        answers = pool.map(lambda one: _serves(cluster, *one), kinds)
        served = frozenset(kind for kind, there in zip(kinds, answers, strict=True) if there)
        versions = {(version.rpartition("/")[0], kind): version for version, kind in listed}
        named = {
            (group, kind, obj["metadata"]["name"])
            for group, kind in referred
            if (version := versions.get((group, kind)))
            for obj in cluster.list(version, kind, brief=True)
        }
    there = served | frozenset(listed)
    return Target(name=name, served=there, before=before, named=frozenset(named), silent=dict(cluster.silent))


def _serves(cluster: ClusterApi, version: str, kind: str) -> bool:
    try:
        cluster.get(version, kind, None, "relight-asks-whether-the-kind-is-served")
    except ClusterNotReady:
        return False
    return True


def unserved(target: Target, version: str, kind: str) -> str:
    """Why a version of a kind is not served, as far as the target itself tells."""
    if version in target.silent:
        return f"the target's {version} does not answer: {target.silent[version]}"
    group = version.rpartition("/")[0]
    others = sorted(other for other, name in target.served if name == kind and other.rpartition("/")[0] == group)
    if others:
        return f"the target serves {kind} as {', '.join(others)}, not as {version}: convert it and back up again"
    if any(other.rpartition("/")[0] == group for other, _ in target.served):
        return f"the target serves {version} without a kind {kind}: it was removed there, or is of another release"
    return f"nothing serves {version} {kind}: its CRD is neither there nor in the backup"


def stands(target: Target, who: Identity) -> bool:
    return who in target.before or (who.group, who.kind, who.name) in target.named
