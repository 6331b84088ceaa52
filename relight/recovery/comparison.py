"""Which objects only one of two sites has: a backup's, and those of a cluster that stands."""

from collections.abc import Iterable

from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.collect import kinds_inside
from relight.recovery.objects import identity
from relight.recovery.skips import kept_by_the_cluster

DERIVED = frozenset({"Job", "ReplicaSet", "Pod"})  # made by what is compared, or gone by tomorrow


def only_one_has(backup: Iterable[Object], cluster: ClusterApi, namespace: str) -> tuple[list[str], list[str]]:
    """What only the backup has, and what only the cluster has, of the namespace: ``Kind namespace/name``.

    Raises what the cluster refuses.
    """
    there = [obj for kind in kinds_inside(cluster) for obj in cluster.list(kind.api_version, kind.kind, namespace)]
    inside = [obj for obj in backup if obj.get("metadata", {}).get("namespace") == namespace]
    ours, theirs = _named(inside), _named(there)
    return sorted(ours - theirs), sorted(theirs - ours)


def _named(objects: Iterable[Object]) -> set[str]:
    return {str(identity(obj)) for obj in objects if _compared(obj)}


def _compared(obj: Object) -> bool:
    return not (obj["metadata"].get("ownerReferences") or obj["kind"] in DERIVED or kept_by_the_cluster(obj))
