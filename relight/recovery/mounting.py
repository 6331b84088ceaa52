"""How a backup's own pod gets at the claims: which there are, beside whom it must run, as whom it reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relight.errors import RequestInvalid
from relight.recovery.cluster import Object, Objects
from relight.recovery.objects import pod_spec

ONE_NODE, ONE_POD = "ReadWriteOnce", "ReadWriteOncePod"
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """As whom the files are read. ``user`` 0 reads what belongs to anybody."""

    user: int
    group: int
    more_groups: tuple[int, ...] = ()


ROOT = Reader(user=0, group=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounting:
    """``beside``: label selectors of the pods on whose node the claims are."""

    claims: tuple[str, ...]
    beside: tuple[Object, ...]
    reader: Reader


def mounting(inside: Objects, pods: Objects) -> Mounting:
    """``inside``: the claims and workloads of the namespace. ``pods``: those that are there now.

    Raises RequestInvalid for claims that no single pod can mount beside the app.
    """
    bound = [obj for obj in inside if obj["kind"] == "PersistentVolumeClaim" and obj["spec"].get("volumeName")]
    for claim in bound:
        if ONE_POD in _modes(claim):
            raise RequestInvalid(
                f"claim {claim['metadata']['name']}",
                f"is {ONE_POD}: no second pod can mount it, a backup's neither",
                f"dump it into another claim with a before_backup hook, or make it {ONE_NODE}",
            )
    names = tuple(sorted(str(claim["metadata"]["name"]) for claim in bound))
    pinned = {claim["metadata"]["name"] for claim in bound if _modes(claim) == [ONE_NODE]}
    _refuse_two_nodes(pinned, pods)
    users = [obj for obj in inside if _takes(obj, set(names))]
    return Mounting(claims=names, beside=tuple(_beside(users, pinned)), reader=_reader(users))


def _modes(claim: Object) -> list[str]:
    return list(claim["spec"].get("accessModes") or [ONE_NODE])


def _mounted(spec: Object) -> set[str]:
    claims = (item.get("persistentVolumeClaim") or {} for item in spec.get("volumes") or [])
    return {str(claim["claimName"]) for claim in claims if claim}


def _made(obj: Object, claims: set[str]) -> set[str]:
    """Those of the claims that a StatefulSet made of its templates: ``<template>-<set>-<ordinal>``."""
    begun = [
        f"{one['metadata']['name']}-{obj['metadata']['name']}-" for one in obj["spec"].get("volumeClaimTemplates") or []
    ]
    return {name for name in claims for start in begun if name.startswith(start) and name[len(start) :].isdigit()}


def _takes(obj: Object, claims: set[str]) -> set[str]:
    if obj["metadata"].get("ownerReferences") or not (spec := pod_spec(obj)):
        return set()
    return (_mounted(spec) & claims) | (_made(obj, claims) if obj["kind"] == "StatefulSet" else set())


def _beside(users: Objects, pinned: set[str]) -> Iterator[Object]:
    """Of what runs all the time. A Job comes and goes: waiting for its pod would be waiting for nothing."""
    for obj in users:
        if obj["kind"] == "StatefulSet" and (made := _made(obj, pinned)):
            ordinals = sorted({name.rpartition("-")[2] for name in made})
            yield from (
                {"matchLabels": {"statefulset.kubernetes.io/pod-name": f"{obj['metadata']['name']}-{ordinal}"}}
                for ordinal in ordinals
            )
        elif _mounted(pod_spec(obj) or {}) & pinned and obj["spec"].get("selector") and obj["spec"].get("replicas") != 0:
            yield dict(obj["spec"]["selector"])


def _refuse_two_nodes(pinned: set[str], pods: Objects) -> None:
    """A claim that one node at a time can have is where its pod is; ours can be on one node alone."""
    at: dict[str, str] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and (pod.get("status") or {}).get("phase") not in ENDED:
            at |= dict.fromkeys(_mounted(pod["spec"]) & pinned, node)
    if len(set(at.values())) > 1:
        where = ", ".join(f"{claim} on {node}" for claim, node in sorted(at.items()))
        raise RequestInvalid(
            f"claims {', '.join(sorted(at))}",
            f"are {ONE_NODE} and in use on several nodes ({where}): one pod cannot mount them all",
            "keep their pods on one node by affinity, or dump into one claim with a before_backup hook",
        )


def _reader(users: Sequence[Object]) -> Reader:
    """The app's own user where all that mount say the same, by number; else root, since files may belong to anybody."""
    said = {_identity(pod_spec(obj) or {}, container) for obj in users for container in (pod_spec(obj) or {})["containers"]}
    if len(said) != 1:
        return ROOT
    user, group, fs_group = said.pop()
    if not user:
        return ROOT
    return Reader(user=user, group=user if group is None else group, more_groups=() if fs_group is None else (fs_group,))


def _identity(spec: Object, container: Object) -> tuple[int | None, int | None, int | None]:
    context = (spec.get("securityContext") or {}) | (container.get("securityContext") or {})
    fs_group = (spec.get("securityContext") or {}).get("fsGroup")
    return context.get("runAsUser"), context.get("runAsGroup"), fs_group
