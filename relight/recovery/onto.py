"""The promoted site's backup for the primary, a cluster that stands: what would become of each object and claim there.

A runner is quarantined and has its volumes on its own disk; a primary has neither. Its claims keep their volumes, and what
belongs to the whole cluster stays as it is.
"""

import hashlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from relight.errors import RelightError
from relight.model import canonical
from relight.records import replace
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.context import Recipe
from relight.recovery.dryrun import dry_run
from relight.recovery.forecast import Forecast, forecast
from relight.recovery.ledger import Fate
from relight.recovery.objects import Identity
from relight.recovery.prepare import PlannedObject, prepare
from relight.recovery.quiesce import may_write
from relight.recovery.references import REFERRED
from relight.recovery.release import STOPPED_BY_OWNER, STOPS, before_freeze
from relight.recovery.standing import Existing
from relight.recovery.target import Target, inspect
from relight.recovery.transforms import DEFAULT_CLASS, Action
from relight.recovery.volumes import Volume

CLAIM = "PersistentVolumeClaim"
WRITTEN = "relight.dev/restored"  # an annotation of a claim: the digest of the backup whose files it has
FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Onto:
    """``standing``: what is there already. ``claims``: whose files are to be replaced. ``written``: those of them that have
    been. ``stops``: what is stopped meanwhile. ``troubles``: why it cannot be done as things are, a line each. ``code``:
    stands for this backup, on this cluster, over these claims."""

    recipe: Recipe = field(repr=False)
    objects: tuple[PlannedObject, ...] = field(repr=False)
    foreseen: Forecast = field(repr=False)
    standing: frozenset[Identity] = field(repr=False)
    claims: tuple[Volume, ...]
    written: frozenset[str]
    stops: tuple[str, ...]
    troubles: tuple[str, ...]
    code: str

    def becomes(self, who: Identity, fate: Fate) -> str:
        """An object's fate in a reader's words: a ledger calls created what was applied over what was there."""
        if fate not in (Fate.CREATED, Fate.TRANSFORMED):
            return fate.value
        return "updated" if who in self.standing else "created"


def look(cluster: ClusterApi, recipe: Recipe, seed: str) -> Onto:
    """Changes nothing. ``seed``: the run. Raises the cluster's errors when it cannot be asked, and what ``prepare`` does."""
    namespace, claims = recipe.target, claims_of(recipe)
    bare = tuple(replace(item, object=item.released) for item in prepare(recipe) if _restored(item))
    target = inspect(cluster, "the primary", bare, REFERRED)
    objects = for_the_primary(bare, target, suspended(cluster, namespace))
    foreseen = forecast(objects, target, Existing.UPDATE, backup=recipe.backup)
    foreseen = dry_run(cluster, objects, target, foreseen)
    standing = {obj["metadata"]["name"]: obj for obj in cluster.list("v1", CLAIM, namespace)}
    told = zip(objects, foreseen.told, strict=True)
    failing = [f"{item.identity} would fail: {one.because}" for item, one in told if one.fate is Fate.FAILED]
    missing = [one.claim for one in claims if one.claim not in standing]
    return Onto(
        recipe=recipe,
        objects=objects,
        foreseen=foreseen,
        standing=frozenset(target.before),
        claims=claims,
        written=frozenset(name for name, obj in standing.items() if mark(obj) == recipe.backup.metadata_sha256),
        stops=tuple(_running(cluster, namespace)),
        troubles=(*_homeless(cluster, missing, objects), *in_use(cluster, namespace, claims), *failing),
        code=_code(cluster, recipe, claims, seed),
    )


def claims_of(recipe: Recipe) -> tuple[Volume, ...]:
    """Those whose files the backup has."""
    return tuple(one for one in recipe.backup.volumes or () if one.namespace == recipe.source)


def for_the_primary(
    items: Sequence[PlannedObject], target: Target, suspended_there: Collection[str]
) -> tuple[PlannedObject, ...]:
    """Pure. What is left as it is has no ``object`` any more."""
    return tuple(_one(item, item.identity in target.before, suspended_there) for item in items)


def in_use(cluster: ClusterApi, namespace: str, claims: Collection[Volume]) -> list[str]:
    """Pods that nothing of ours stops, and that may write to one of the claims."""
    names = {one.claim for one in claims}
    found = []
    for pod in cluster.list("v1", "Pod", namespace):
        owners = {owner.get("kind") for owner in pod["metadata"].get("ownerReferences") or []}
        ended = (pod.get("status") or {}).get("phase") in FINISHED
        for claim in () if ended or owners & STOPPED_BY_OWNER else sorted(names & may_write(pod["spec"])):
            found.append(f"claim {claim} is in use by pod {pod['metadata']['name']}, which nothing here stops: end it")
    return found


def suspended(cluster: ClusterApi, namespace: str) -> frozenset[str]:
    """CronJobs that somebody suspended there, the promotion's fence for one. What our own stop suspended is none."""
    found = cluster.list("batch/v1", "CronJob", namespace)
    return frozenset(obj["metadata"]["name"] for obj in found if (before_freeze(obj) or obj["spec"]).get("suspend"))


# ---------------------------------------------------------------- object by object
def _restored(item: PlannedObject) -> bool:
    """Not what only a runner has: its quarantine, and volumes on its disk."""
    only_quarantine = item.object is not None and item.released is None
    return not only_quarantine and item.identity.kind != "PersistentVolume"


def _one(item: PlannedObject, there: bool, suspended_there: Collection[str]) -> PlannedObject:
    who, obj = item.identity, item.object
    if obj is None:
        return item
    if there and (who.kind == CLAIM or not who.namespace):
        why = "is there; only its files are replaced" if who.kind == CLAIM else "is there, and the whole cluster's"
        return replace(item, action=Action.SKIP, reason=why, transforms=(), object=None)
    obj, note = _in_full(obj), ""
    if who.kind == CLAIM:
        obj, note = _of_default_class(obj), "of the default storage class"
    elif who.kind == "CronJob" and who.name in suspended_there:
        obj, note = obj | {"spec": obj["spec"] | {"suspend": True}}, "suspended, as it is there"
    action = Action.TRANSFORM if note else Action.CREATE
    return replace(item, action=action, reason="", transforms=(note,) if note else (), object=obj)


def _in_full(obj: Object) -> Object:
    """What a stop changes is said in so many words: applying what is not said would leave the app stopped."""
    usual = {field_: 1 if field_ == "replicas" else not stopped for _, kind, field_, stopped in STOPS if kind == obj["kind"]}
    return obj | {"spec": usual | obj["spec"]} if usual else obj


def _of_default_class(claim: Object) -> Object:
    """The runner's class and volume mean nothing here, and which class it had before the runner nobody knows."""
    kept = {name: value for name, value in claim["spec"].items() if name not in ("storageClassName", "volumeName")}
    return claim | {"spec": kept}


# ---------------------------------------------------------------- the cluster
def mark(claim: Object) -> str:
    """The digest of the backup whose files it was given; empty for none."""
    return str((claim["metadata"].get("annotations") or {}).get(WRITTEN, ""))


def _homeless(cluster: ClusterApi, missing: Sequence[str], objects: Sequence[PlannedObject]) -> list[str]:
    """Claims that are not there and cannot be made."""
    made = {item.identity.name for item in objects if item.identity.kind == CLAIM and item.object is not None}
    classes = [obj["metadata"].get("annotations") or {} for obj in cluster.list("storage.k8s.io/v1", "StorageClass")]
    default = any(notes.get(name) == "true" for notes in classes for name in DEFAULT_CLASS)
    lines = {name: "no storage class is the default" if name in made else "the backup has no such claim" for name in missing}
    return [
        f"claim {name} is not there, and {why}: make the claim first"
        for name, why in lines.items()
        if name not in made or not default
    ]


def _running(cluster: ClusterApi, namespace: str) -> list[str]:
    return [
        f"{kind} {obj['metadata']['name']}"
        for version, kind, field_, stopped in STOPS
        for obj in cluster.list(version, kind, namespace)
        if obj["spec"].get(field_, not stopped) != stopped
    ]


def _code(cluster: ClusterApi, recipe: Recipe, claims: Sequence[Volume], seed: str) -> str:
    """The same however far the restore has come."""
    home: Object = {}
    with suppress(RelightError):  # who may not read it restores all the same
        home = cluster.get("v1", "Namespace", None, "kube-system") or {}
    which = (home.get("metadata") or {}).get("uid", "")
    facts = [seed, recipe.backup.metadata_sha256, which, recipe.target, sorted(one.claim for one in claims)]
    return hashlib.sha256(canonical(facts)).hexdigest()[:8]
