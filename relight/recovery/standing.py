"""What stood in the cluster before a restore, and what the app says is to be done with it."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from relight.errors import ClusterNotReady, RelightError, ServiceUnavailable
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.objects import Identity
from relight.recovery.prepare import PlannedObject

FIELD_MANAGER = "relight"
# (group, kind, name) of what objects refer to by name and an empty runner has of its own: nobody put it there.
OWN = frozenset(
    {
        ("storage.k8s.io", "StorageClass", "local-path"),
        ("scheduling.k8s.io", "PriorityClass", "system-cluster-critical"),
        ("scheduling.k8s.io", "PriorityClass", "system-node-critical"),
    }
)


class Existing(StrEnum):
    """``fail``: nothing at all is applied when something was there. ``keep``: it stays as it is. ``update``: it becomes
    what the plan says."""

    FAIL = "fail"
    KEEP = "keep"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Standing:
    """``version``: its resourceVersion. ``ours``: a restore made it, which an interrupted one may go on with. ``unknown``:
    why nobody can tell whether it is there."""

    version: str
    ours: bool
    unknown: str = ""


Before = dict[Identity, Standing]
Persist = Callable[[Callable[[], list[Object]]], list[Object]]


def survey(
    cluster: ClusterApi, objects: Iterable[PlannedObject], pool: ThreadPoolExecutor, persist: Persist, existing: Existing
) -> Before:
    """One listing of metadata a kind and namespace. Kinds that the cluster does not serve yet hold nothing.

    What cannot be listed is an error, where overwriting it would be another: then raises the cluster's errors. But where
    each object is kept by itself, an API that a Service answers for and that does not answer leaves its own objects unknown.
    """
    objects = list(objects)
    kinds = {
        (obj["apiVersion"], item.identity.group, obj["kind"], item.identity.namespace) for item, obj in _applied(objects)
    }

    def listed(kind: tuple[str, str, str, str]) -> Before:
        version, group, name, namespace = kind
        try:
            found = persist(lambda: _list(cluster, version, name, namespace))
        except RelightError as error:
            if existing is Existing.UPDATE:
                return {}  # applying will say what is wrong, object by object
            if existing is Existing.FAIL or not (isinstance(error, ServiceUnavailable) and cluster.delegated(version)):
                raise
            unknown = Standing("", ours=False, unknown=str(error))
            return {item.identity: unknown for item in objects if _of(item.identity, group, name, namespace)}
        return {Identity(group, name, namespace, obj["metadata"]["name"]): _standing(obj) for obj in found}

    return {who: one for part in pool.map(listed, sorted(kinds)) for who, one in part.items()}


def _of(who: Identity, group: str, kind: str, namespace: str) -> bool:
    return (who.group, who.kind, who.namespace) == (group, kind, namespace)


def in_the_way(item: PlannedObject, before: Before) -> bool:
    """Whether an object of somebody else stands where this one is to be.

    The namespace itself and its default account are there in any namespace that was made ready for a restore.
    """
    who, there = item.identity, before.get(item.identity)
    expected = who.kind == "Namespace" or (who.kind, who.name) == ("ServiceAccount", "default")
    return item.object is not None and there is not None and not there.ours and not expected


def blocking(objects: Sequence[PlannedObject], before: Before, existing: Existing) -> tuple[PlannedObject, ...]:
    """The objects for which nothing may be applied at all."""
    ours = (item for item in objects if (item.identity.group, item.identity.kind, item.identity.name) not in OWN)
    return tuple(item for item in ours if existing is Existing.FAIL and in_the_way(item, before))


def _applied(objects: Iterable[PlannedObject]) -> Iterable[tuple[PlannedObject, Object]]:
    return ((item, item.object) for item in objects if item.object is not None)


def _list(cluster: ClusterApi, version: str, kind: str, namespace: str) -> list[Object]:
    try:
        return cluster.list(version, kind, namespace or None, brief=True)
    except ClusterNotReady:
        return []


def _standing(obj: Object) -> Standing:
    metadata = obj["metadata"]
    managers = metadata.get("managedFields") or []
    ours = any(one.get("manager") == FIELD_MANAGER and one.get("operation") == "Apply" for one in managers)
    return Standing(metadata.get("resourceVersion", ""), ours)
