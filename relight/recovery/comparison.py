"""Which objects only one of two sites has: a backup's, and those of a cluster that stands."""

from collections.abc import Iterable
from dataclasses import dataclass

from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.inside import inside
from relight.recovery.objects import group, identity
from relight.recovery.skips import kept_by_the_cluster

DERIVED = frozenset({"Job", "ReplicaSet", "Pod"})  # made by what is compared, or gone by tomorrow


@dataclass(frozen=True, slots=True)
class Comparison:
    """What only the backup has, and what only the cluster has: ``Kind namespace/name``. ``not_compared``: the API versions
    that did not answer, and what came instead."""

    only_backup: list[str]
    only_cluster: list[str]
    not_compared: dict[str, str]


def compare(backup: Iterable[Object], cluster: ClusterApi, namespace: str) -> Comparison:
    """The objects of the namespace. Raises what the cluster refuses."""
    found, silent = inside(cluster, namespace)
    groups = {version.rpartition("/")[0] for version in silent}
    ours = _named((obj for obj in backup if obj.get("metadata", {}).get("namespace") == namespace), groups)
    theirs = _named(found, groups)
    return Comparison(sorted(ours - theirs), sorted(theirs - ours), dict(silent))


def _named(objects: Iterable[Object], silent: set[str]) -> set[str]:
    return {str(identity(obj)) for obj in objects if _compared(obj) and group(obj) not in silent}


def _compared(obj: Object) -> bool:
    return not (obj["metadata"].get("ownerReferences") or obj["kind"] in DERIVED or kept_by_the_cluster(obj))
