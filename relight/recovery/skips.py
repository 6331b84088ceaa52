"""Which objects of a backup are not restored, and why: a table of small questions, each answered with a reason or None."""

from collections.abc import Callable

from relight.recovery.cluster import Object
from relight.recovery.context import TransformContext
from relight.recovery.objects import group
from relight.recovery.versions import removed

Question = Callable[[Object, TransformContext], str | None]

MADE_BY_THE_CLUSTER: dict[tuple[str, str], str] = {
    ("", "Event"): "events describe the old cluster",
    ("events.k8s.io", "Event"): "events describe the old cluster",
    ("coordination.k8s.io", "Lease"): "leases belong to processes of the old cluster",
    ("", "Endpoints"): "the cluster derives it from the Service",
    ("discovery.k8s.io", "EndpointSlice"): "the cluster derives it from the Service",
    ("apps", "ControllerRevision"): "the cluster derives it from the workload",
    ("", "Node"): "nodes are machines of the old cluster",
    ("", "PersistentVolume"): "a volume of the runner's own takes its place",
    ("storage.k8s.io", "VolumeAttachment"): "attachments belong to the old cluster's nodes",
    ("certificates.k8s.io", "CertificateSigningRequest"): "requests were answered by the old cluster",
}
# What the controller of each built-in kind makes again; what else names such an owner came from somewhere else.
MAKES: dict[str, frozenset[str]] = {
    "CronJob": frozenset({"Job"}),
    "DaemonSet": frozenset({"Pod"}),
    "Deployment": frozenset({"ReplicaSet"}),
    "Job": frozenset({"Pod"}),
    "ReplicaSet": frozenset({"Pod"}),
    "ReplicationController": frozenset({"Pod"}),
    "StatefulSet": frozenset({"Pod"}),
}
BUILT_IN = frozenset({"", "apps", "batch", "extensions", "autoscaling", "networking.k8s.io", "policy"})
# Data: a controller can make such an object again, but not what was in it.
NEVER_DERIVED = frozenset({"PersistentVolumeClaim", "Secret", "ConfigMap"})
# How objects that a cluster keeps up by itself are marked: (kind, or "*"; label or annotation; value).
KEPT_BY_THE_CLUSTER = (
    ("*", "kubernetes.io/bootstrapping", "rbac-defaults"),
    ("APIService", "kube-aggregator.kubernetes.io/automanaged", "*"),
    ("FlowSchema", "apf.kubernetes.io/autoupdate-spec", "true"),
    ("PriorityLevelConfiguration", "apf.kubernetes.io/autoupdate-spec", "true"),
)


def made_by_the_cluster(obj: Object, _: TransformContext) -> str | None:
    if obj["kind"] == "ConfigMap" and obj["metadata"]["name"] == "kube-root-ca.crt":
        return "the cluster publishes its own"
    return MADE_BY_THE_CLUSTER.get((group(obj), obj["kind"]))


def service_account_token(obj: Object, _: TransformContext) -> str | None:
    is_token = obj["kind"] == "Secret" and obj.get("type") == "kubernetes.io/service-account-token"
    return "a service account's token is valid in the old cluster alone" if is_token else None


def finished(obj: Object, _: TransformContext) -> str | None:
    status = obj.get("status") or {}
    if obj["kind"] == "Pod" and status.get("phase") in ("Succeeded", "Failed"):
        return f"the pod had ended ({status['phase']})"
    conditions = status.get("conditions") or [] if obj["kind"] == "Job" else []
    ended = [
        item["type"] for item in conditions if item.get("type") in ("Complete", "Failed") and item.get("status") == "True"
    ]
    return f"the job had ended ({ended[0]})" if ended else None


def being_deleted(obj: Object, _: TransformContext) -> str | None:
    return "it was being deleted when the backup was made" if obj["metadata"].get("deletionTimestamp") else None


def kept_by_the_cluster(obj: Object, _: TransformContext | None = None) -> str | None:
    metadata = obj["metadata"]
    if obj["kind"] == "PriorityClass" and metadata["name"].startswith("system-"):
        return "every cluster has its own"
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    for kind, mark, value in KEPT_BY_THE_CLUSTER:
        if kind in ("*", obj["kind"]) and mark in marks and value in ("*", marks[mark]):
            return "every cluster has its own"
    return None


def owned(obj: Object, context: TransformContext) -> str | None:
    if obj["kind"] in NEVER_DERIVED:
        return None
    for owner in obj["metadata"].get("ownerReferences") or []:
        kind, built_in = owner.get("kind"), group({"apiVersion": ""} | owner) in BUILT_IN
        if (kind, owner.get("name")) in context.owners and (not built_in or obj["kind"] in MAKES.get(kind, ())):
            return f"{kind} {owner['name']} makes it again"
    return None


def elsewhere(obj: Object, context: TransformContext) -> str | None:
    namespace = obj["metadata"]["name"] if obj["kind"] == "Namespace" else obj["metadata"].get("namespace")
    outside = namespace and namespace != context.source and (obj["kind"] == "Namespace" or not context.cluster_scoped(obj))
    return f"it belongs to namespace {namespace}, the app to {context.source}" if outside else None


def no_longer_served(obj: Object, _: TransformContext) -> str | None:
    return removed(obj)


def block_volume(obj: Object, _: TransformContext) -> str | None:
    is_block = obj["kind"] == "PersistentVolumeClaim" and (obj.get("spec") or {}).get("volumeMode") == "Block"
    return "block volumes are not in a backup" if is_block else None


def without_data(obj: Object, context: TransformContext) -> str | None:
    """A claim whose data is missing must not come back empty without a word."""
    if obj["kind"] != "PersistentVolumeClaim" or context.volumes is None or had_no_volume(obj):
        return None
    return None if obj["metadata"]["name"] in context.volumes else "the backup holds no data of this claim"


def had_no_volume(claim: Object) -> bool:
    return (claim.get("status") or {}).get("phase") == "Pending"


SKIPS: tuple[Question, ...] = (
    made_by_the_cluster,
    kept_by_the_cluster,
    service_account_token,
    being_deleted,
    owned,
    finished,
)
REFUSALS: tuple[Question, ...] = (elsewhere, no_longer_served, block_volume, without_data)
