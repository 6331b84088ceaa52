"""Promotion and failback of a restored app: lift its quarantine, freeze it, or end the freeze."""

import json
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from relight.errors import ClusterRefused, RelightError
from relight.model import ActionResult, Verdict
from relight.records import replace
from relight.recovery.apply import check_digests
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.objects import Identity, identity
from relight.recovery.patience import Deadline, Patience, poll
from relight.recovery.plan import OpenedPlan
from relight.recovery.prepare import PlannedObject
from relight.recovery.volumes import place

LIFT, BACK, FREEZE, UNFREEZE = "lift quarantine", "quarantine again", "freeze", "unfreeze"
LIFT_SECONDS = 300.0
BACK_SECONDS = 60.0
UNFREEZE_SECONDS = 120.0
DRAIN_SECONDS = 120.0
BEFORE = "relight.dev/before-freeze"  # an annotation: how a stopped object was, in the very patch that stops it
# What is stopped, in this order: nothing new starts before what runs is ended. (api version, kind, field, its value)
STOPS: tuple[tuple[str, str, str, object], ...] = (
    ("batch/v1", "CronJob", "suspend", True),
    ("apps/v1", "Deployment", "replicas", 0),
    ("apps/v1", "StatefulSet", "replicas", 0),
)
STOPPING = frozenset(field for _, _, field, _ in STOPS)

# What tells a released object from a quarantined one, with what the API takes where it is not said.
SUSPEND = {"suspend": False}
TELLING: dict[str, dict[str, Any]] = {"CronJob": SUSPEND, "Job": SUSPEND, "Service": {"type": "ClusterIP"}}

STOPPED_BY_OWNER = frozenset({"Job", "ReplicaSet", "StatefulSet"})


def lift(
    cluster: ClusterApi, plan: OpenedPlan, objects: Sequence[PlannedObject], data_dir: Path, seconds: float = LIFT_SECONDS
) -> tuple[ActionResult, ...]:
    """Gives each quarantined object its released form, wave by wave: the deny-egress policy first, jobs and hooks last.

    A wave that did not succeed ends it: nothing starts to act on production with a quarantined configuration. What was
    lifted is then quarantined again, in reverse; else each is looked at. Repeating it changes nothing. Raises
    PlanDrifted, before anything changes, when a form is not what the plan covers.
    """
    check_digests(plan, objects, "released_sha256")
    deadline, patience = Deadline.after(seconds), Patience()
    results: list[ActionResult] = []
    lifted: list[PlannedObject] = []
    held = sorted((item for item in objects if quarantined(item)), key=lambda item: item.wave)
    for _, wave in groupby(held, key=lambda item: item.wave):
        items = list(wave)
        results += [_try(LIFT, str(item.identity), *_lifting(cluster, item, data_dir), patience, deadline) for item in items]
        lifted += items
        if not all(result.done for result in results):
            back = Deadline.after(BACK_SECONDS)  # its own: the other may be what ended it
            return (*results, *(_quarantine(cluster, item, data_dir, patience, back) for item in reversed(lifted)))
    return tuple(replace(one, verdict=_verified(cluster, item)) for one, item in zip(results, lifted, strict=True))


def _quarantine(
    cluster: ClusterApi, item: PlannedObject, data_dir: Path, patience: Patience, deadline: Deadline
) -> ActionResult:
    """The form that it had before; what only promotion brought is deleted again."""
    who, made = item.identity, item.object
    if made is not None:
        obj = place(made, data_dir)
        return _try(BACK, str(who), lambda: cluster.apply(obj), "quarantined again", patience, deadline)
    version = (item.released or {})["apiVersion"]
    delete = partial(cluster.delete, version, who.kind, who.namespace or None, who.name)
    return _try(BACK, str(who), delete, "removed again", patience, deadline)


def _verified(cluster: ClusterApi, item: PlannedObject) -> Verdict:
    """Whether what made it harmless is seen no more: gone where promotion removes it, running where it was suspended."""
    form, who = item.released or item.object or {}, item.identity
    try:
        found = cluster.get(form["apiVersion"], who.kind, who.namespace or None, who.name)
    except RelightError:
        return Verdict.COULD_NOT_VERIFY
    if item.released is None:
        return Verdict.PASSED if found is None or found["metadata"].get("deletionTimestamp") else Verdict.FAILED
    spec, wanted = (found or {}).get("spec") or {}, item.released.get("spec") or {}
    same = all((spec.get(name) or usual) == (wanted.get(name) or usual) for name, usual in TELLING.get(who.kind, {}).items())
    return Verdict.PASSED if found is not None and same else Verdict.FAILED


def quarantined(item: PlannedObject) -> bool:
    """Whether promotion changes the object."""
    return item.object != item.released


def freeze(
    cluster: ClusterApi, namespace: str, drain_seconds: float = DRAIN_SECONDS, ours: Collection[str] = ()
) -> tuple[ActionResult, ...]:
    """Stops everything of the app that writes: CronJobs suspended, workloads at zero, running pods waited for.

    What still runs at the end of ``drain_seconds`` is an action not done: handing back would lose its writes. ``ours``:
    Jobs that may run on, by name.
    """
    deadline, patience = Deadline.after(drain_seconds), Patience()
    results: list[ActionResult] = []
    for version, kind, field, value in STOPS:
        try:
            found = patience.persist(partial(cluster.list, version, kind, namespace), deadline)
        except RelightError as error:
            results.append(_not_done(FREEZE, f"{kind}s of {namespace}", error))
            continue
        for obj in found:
            results.append(_try(FREEZE, str(identity(obj)), *_stopping(cluster, obj, field, value), patience, deadline))
    return (*results, _drained(cluster, namespace, deadline, ours))


def unfreeze(
    cluster: ClusterApi, namespace: str, settled: Collection[Identity] = (), seconds: float = UNFREEZE_SECONDS
) -> tuple[ActionResult, ...]:
    """What sleeps of a freeze goes on as it was, CronJobs last. Repeating it changes nothing.

    ``settled``: objects that have been told since how they are to be; of them only the freeze's note is taken away.
    """
    deadline, patience = Deadline.after(seconds), Patience()
    results: list[ActionResult] = []
    for version, kind, _, _ in reversed(STOPS):
        try:
            found = patience.persist(partial(cluster.list, version, kind, namespace), deadline)
        except RelightError as error:
            results.append(_not_done(UNFREEZE, f"{kind}s of {namespace}", error))
            continue
        frozen = [obj for obj in found if BEFORE in (obj["metadata"].get("annotations") or {})]
        for obj in frozen:
            call = partial(_wake, cluster, obj, identity(obj) in settled)
            results.append(_try(UNFREEZE, str(identity(obj)), call, "as it was before", patience, deadline))
    return tuple(results)


def as_before_freeze(obj: Object) -> Object:
    """The object as it is to be restored: a backup of a frozen app is of the app, not of its freeze."""
    if (was := before_freeze(obj)) is None:
        return obj
    notes = {name: value for name, value in obj["metadata"]["annotations"].items() if name != BEFORE}
    return obj | {"metadata": obj["metadata"] | {"annotations": notes}, "spec": obj["spec"] | was}


def before_freeze(obj: Object) -> dict[str, Any] | None:
    """The fields that a freeze changed, as they were; None where it says nothing of the kind."""
    try:
        noted = json.loads((obj["metadata"].get("annotations") or {})[BEFORE]).items()
    except (KeyError, TypeError, ValueError, AttributeError):  # anybody may write an annotation
        return None
    return {field: value for field, value in noted if field in STOPPING}


def _wake(cluster: ClusterApi, obj: Object, settled: bool) -> None:
    """Raises ClusterRefused where the freeze's note cannot be read, and what the cluster raises."""
    was, who = {} if settled else before_freeze(obj), identity(obj)
    if was is None:
        raise ClusterRefused(f"its annotation {BEFORE} cannot be read; scale it by hand, and remove the annotation")
    patch = {"metadata": {"annotations": {BEFORE: None}}, "spec": was}
    cluster.patch(obj["apiVersion"], who.kind, who.namespace, who.name, patch)


def _lifting(cluster: ClusterApi, item: PlannedObject, data_dir: Path) -> tuple[Callable[[], object], str]:
    if item.released is not None:
        obj = place(item.released, data_dir)
        return lambda: cluster.apply(obj), "as it was before quarantine"
    made = item.object or {}
    who = item.identity
    return lambda: cluster.delete(made["apiVersion"], who.kind, who.namespace or None, who.name), "removed"


def _stopping(cluster: ClusterApi, obj: Object, field: str, value: object) -> tuple[Callable[[], object], str]:
    who, patch = identity(obj), {"spec": {field: value}}
    if BEFORE not in (obj["metadata"].get("annotations") or {}):  # frozen twice, it was once as it was
        was = json.dumps({field: obj["spec"].get(field, 1 if field == "replicas" else False)})
        patch |= {"metadata": {"annotations": {BEFORE: was}}}
    said = "suspended" if field == "suspend" else "scaled to 0 replicas"
    return lambda: cluster.patch(obj["apiVersion"], who.kind, who.namespace, who.name, patch), said


def _drained(cluster: ClusterApi, namespace: str, deadline: Deadline, ours: Collection[str]) -> ActionResult:
    target = f"running pods of {namespace}"
    running: list[str] = []

    def ask() -> bool | None:
        jobs = [job for job in cluster.list("batch/v1", "Job", namespace) if (job.get("status") or {}).get("active")]
        pods = [pod for pod in cluster.list("v1", "Pod", namespace) if _runs(pod)]
        running[:] = sorted(str(identity(obj)) for obj in (*jobs, *pods) if not _of(obj, ours))
        return True if not running else None

    try:
        drained = poll(ask, deadline) or False
    except RelightError as error:
        return _not_done(FREEZE, target, error)
    detail = "none is left" if drained else f"still there: {', '.join(running)}; wait for them and freeze again"
    return ActionResult(action=FREEZE, target=target, done=drained, detail=detail)


def _of(obj: Object, jobs: Collection[str]) -> bool:
    """Whether it is one of the Jobs, or a pod of one."""
    named = {obj["metadata"]["name"], *(owner.get("name") for owner in obj["metadata"].get("ownerReferences") or [])}
    return not named.isdisjoint(jobs)


def _runs(pod: Object) -> bool:
    """Whether a pod that a stopped workload or a Job made is still at work."""
    owners = {owner.get("kind") for owner in pod["metadata"].get("ownerReferences") or []}
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return bool(owners & STOPPED_BY_OWNER) and not ended


def _try(
    action: str, target: str, call: Callable[[], object], said: str, patience: Patience, deadline: Deadline
) -> ActionResult:
    try:
        patience.persist(call, deadline)
    except RelightError as error:
        return _not_done(action, target, error)
    return ActionResult(action=action, target=target, done=True, detail=said)


def _not_done(action: str, target: str, error: RelightError) -> ActionResult:
    return ActionResult(action=action, target=target, done=False, detail=f"{type(error).__name__}: {error}")
