"""From an object of the backup to what is restored: quarantined now, and as it will be once released."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum

from relight.errors import ImageNotPinned
from relight.recovery.cluster import Object
from relight.recovery.context import TransformContext
from relight.recovery.namespace import map_namespace
from relight.recovery.objects import clean, containers, pod_spec
from relight.recovery.quarantine import RULES, Rule, withheld
from relight.recovery.skips import REFUSALS, SKIPS, Question
from relight.recovery.versions import successor
from relight.recovery.volumes import bind

DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
# Finalizers that every cluster sets by itself: not worth a word.
OF_THE_CLUSTER = frozenset(
    {
        "batch.kubernetes.io/job-tracking",
        "foregroundDeletion",
        "kubernetes",
        "kubernetes.io/pv-protection",
        "kubernetes.io/pvc-protection",
        "orphan",
        "service.kubernetes.io/load-balancer-cleanup",
    }
)


class Action(StrEnum):
    CREATE = "create"
    TRANSFORM = "transform"
    SKIP = "skip"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformed:
    """``object``: what is applied now, None for nothing. ``released``: what promotion makes of it, None for nothing."""

    action: Action
    reason: str = ""
    notes: tuple[str, ...] = ()
    object: Object | None = None
    released: Object | None = None


def transform(obj: Object, context: TransformContext) -> Transformed:
    """Pure: ``obj`` is well formed (``objects.malformed``) and is left as it is."""
    if reason := _first(SKIPS, obj, context):
        return Transformed(action=Action.SKIP, reason=reason)
    if reason := _first(REFUSALS, obj, context):
        return Transformed(action=Action.REFUSE, reason=reason)
    released = clean(obj)
    try:
        notes = _changes(RESTORING, released, context)
    except ImageNotPinned as error:
        return Transformed(action=Action.REFUSE, reason=str(error))
    if reason := withheld(released, context):
        return Transformed(action=Action.SKIP, reason=reason, notes=notes, released=released)
    quarantined = deepcopy(released)
    notes += tuple(f"quarantine: {note}" for note in _changes(RULES, quarantined, context))
    action = Action.TRANSFORM if notes else Action.CREATE
    return Transformed(action=action, notes=notes, object=quarantined, released=released)


def _first(questions: Iterable[Question], obj: Object, context: TransformContext) -> str | None:
    return next((reason for question in questions if (reason := question(obj, context))), None)


def _changes(rules: Iterable[Rule], obj: Object, context: TransformContext) -> tuple[str, ...]:
    return tuple(note for rule in rules if (note := rule(obj, context)))


# ---------------------------------------------------------------- for every restore, quarantined or not
def modernise(obj: Object, _: TransformContext) -> str | None:
    was, becomes = obj["apiVersion"], successor(obj)
    if becomes is None:
        return None
    obj["apiVersion"] = becomes
    return f"{was} to {becomes}"


def leave_owners(obj: Object, _: TransformContext) -> str | None:
    """An owner's uid belongs to the old cluster: with it, garbage collection would delete the object at once."""
    owners = obj["metadata"].pop("ownerReferences", None) or []
    named = ", ".join(f"{owner.get('kind')} {owner.get('name')}" for owner in owners)
    return f"restored without its owner {named}" if named else None


def leave_finalizers(obj: Object, _: TransformContext) -> str | None:
    """Controllers add their own again. Where one does not run, its finalizer would keep the object from ever going."""
    left = [name for name in obj["metadata"].pop("finalizers", None) or [] if name not in OF_THE_CLUSTER]
    return f"finalizers {', '.join(left)} left to their controllers" if left else None


def keep_default_class(obj: Object, _: TransformContext) -> str | None:
    """Two default classes would send new claims to a provisioner that is not here."""
    annotations = obj["metadata"].get("annotations") or {} if obj["kind"] == "StorageClass" else {}
    marked = [name for name in DEFAULT_CLASS if annotations.pop(name, None) == "true"]
    return "no longer the default class: the runner has its own" if marked else None


def keep_granted_rules(obj: Object, _: TransformContext) -> str | None:
    """The roles it was gathered from may not be here: the cluster would empty it."""
    if obj["kind"] != "ClusterRole" or not obj.pop("aggregationRule", None):
        return None
    return "keeps the rules that it had gathered"


def pin_images(obj: Object, context: TransformContext) -> str | None:
    """Raises ImageNotPinned."""
    changed = []
    for item in containers(pod_spec(obj) or {}):
        image = context.images.resolve(obj, str(item.get("name", "")), str(item.get("image", "")))
        if image != item.get("image"):
            item["image"] = image
            changed.append(str(item.get("name", "")))
    return f"image of {', '.join(changed)} by digest" if changed else None


def bind_claim(obj: Object, _: TransformContext) -> str | None:
    return bind(obj) if obj["kind"] == "PersistentVolumeClaim" else None


def drop_token_mounts(obj: Object, _: TransformContext) -> str | None:
    """The old cluster injected them; this one injects its own."""
    spec = pod_spec(obj) if obj["kind"] == "Pod" else None
    injected = [
        volume["name"] for volume in (spec or {}).get("volumes") or [] if volume["name"].startswith("kube-api-access-")
    ]
    if spec is None or not injected:
        return None
    spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] not in injected]
    for item in containers(spec):
        item["volumeMounts"] = [mount for mount in item.get("volumeMounts") or [] if mount["name"] not in injected]
    return "injected token mounts removed"


def say_once(obj: Object, _: TransformContext) -> str | None:
    """A variable given twice: a pod takes the last, and so may be created; server-side apply refuses it."""
    twice: set[str] = set()
    for item in containers(pod_spec(obj) or {}):
        given = item.get("env") or []
        last = {entry["name"]: entry for entry in given}
        if len(last) < len(given):
            names = [entry["name"] for entry in given]
            twice |= {name for name in last if names.count(name) > 1}
            item["env"] = list(last.values())
    return f"variable {', '.join(sorted(twice))} given twice: the last counts" if twice else None


RESTORING: tuple[Rule, ...] = (
    say_once,
    modernise,
    leave_owners,
    leave_finalizers,
    map_namespace,
    pin_images,
    bind_claim,
    drop_token_mounts,
    keep_default_class,
    keep_granted_rules,
)
