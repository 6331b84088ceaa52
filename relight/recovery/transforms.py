"""From an object of the backup to what is restored: quarantined now, and as it will be once released."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum

from relight.errors import ImageNotPinned
from relight.recovery.cluster import Object
from relight.recovery.context import TransformContext
from relight.recovery.objects import clean, containers, pod_spec
from relight.recovery.quarantine import RULES, Rule, withheld
from relight.recovery.skips import REFUSALS, SKIPS, Question
from relight.recovery.volumes import bind


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
def map_namespace(obj: Object, context: TransformContext) -> str | None:
    """Objects without a namespace belong to the app's; every mention of the app's namespace follows it."""
    if obj["kind"] == "Namespace":
        obj["metadata"]["name"] = context.target
    elif not context.cluster_scoped(obj):
        obj["metadata"]["namespace"] = context.target
    mentions = [*(obj.get("subjects") or []), *_service_references(obj)]
    for mention in mentions:
        if mention.get("namespace") == context.source:
            mention["namespace"] = context.target
    moved = context.source != context.target and (mentions or not context.cluster_scoped(obj) or obj["kind"] == "Namespace")
    return f"namespace {context.source} to {context.target}" if moved else None


def _service_references(obj: Object) -> list[Object]:
    hooks = [hook.get("clientConfig", {}).get("service") for hook in obj.get("webhooks") or []]
    return [service for service in (*hooks, (obj.get("spec") or {}).get("service")) if isinstance(service, dict)]


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


RESTORING: tuple[Rule, ...] = (map_namespace, pin_images, bind_claim, drop_token_mounts)
