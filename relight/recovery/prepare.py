"""From a recipe to every object of the restore: what is done with it, when, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from relight.errors import PreflightFailed
from relight.recovery.cluster import Object
from relight.recovery.context import Recipe, TransformContext
from relight.recovery.objects import Identity, flatten, identity, malformed, sha256
from relight.recovery.order import wave
from relight.recovery.quarantine import deny_egress
from relight.recovery.skips import had_no_volume
from relight.recovery.transforms import Action, Transformed, transform
from relight.recovery.volumes import persistent_volume

REQUIRED_KIND = "Namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedObject:
    """One object of the plan. Its row names the object and digests it, and never holds it: it may be a Secret.

    ``object`` is applied by Restore (None: nothing is). ``released`` is what promotion makes of it (None: it is deleted).
    """

    identity: Identity
    wave: int
    action: Action
    reason: str = ""
    transforms: tuple[str, ...] = ()
    object: Object | None = field(default=None, repr=False)
    released: Object | None = field(default=None, repr=False)

    @property
    def sha256(self) -> str | None:
        return None if self.object is None else sha256(self.object)

    @property
    def released_sha256(self) -> str | None:
        return None if self.released is None else sha256(self.released)

    def row(self) -> dict[str, Any]:
        """As the plan lists it."""
        who = self.identity
        return {
            "group": who.group,
            "kind": who.kind,
            "namespace": who.namespace,
            "name": who.name,
            "wave": self.wave,
            "action": self.action,
            "reason": self.reason,
            "transforms": list(self.transforms),
            "sha256": self.sha256,
            "released_sha256": self.released_sha256,
        }


def prepare(recipe: Recipe) -> tuple[PlannedObject, ...]:
    """Every object of the backup and of the restore itself, in the order of application. Pure.

    Raises ImageNotPinned and RequestInvalid for the run's own image, PreflightFailed when the quarantine names a
    ConfigMap that is not there: the restored app could act on production.
    """
    context = TransformContext.of(recipe)
    planned = [*_transformed(recipe, context), *_generated(recipe)]
    unique = list(_unique(planned))
    _check_quarantine(recipe, unique)
    return tuple(sorted(unique, key=lambda item: (item.wave, item.identity, item.reason, item.sha256 or "")))


def _transformed(recipe: Recipe, context: TransformContext) -> Iterator[PlannedObject]:
    for number, obj in enumerate(flatten(recipe.manifests), start=1):
        if fault := malformed(obj):
            who = Identity("", "Unknown", "", f"document {number}")
            yield PlannedObject(identity=who, wave=0, action=Action.REFUSE, reason=f"it {fault}")
            continue
        yield from _one(obj, recipe, context)


def _one(obj: Object, recipe: Recipe, context: TransformContext) -> Iterator[PlannedObject]:
    """The object, and the volume that a claim needs."""
    try:
        result = transform(obj, context)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a field of another shape than its kind has
        result = Transformed(action=Action.REFUSE, reason=f"it is not shaped like a {obj['kind']}: {type(error).__name__}")
    yield _planned(_restored_identity(obj, result, recipe, context), result, wave(obj))
    if obj["kind"] == "PersistentVolumeClaim" and result.object is not None:
        volume = persistent_volume(result.object, recipe.source, empty=had_no_volume(obj))
        yield _made(volume, f"holds the data of claim {obj['metadata']['name']}", volume)


def _generated(recipe: Recipe) -> Iterator[PlannedObject]:
    """The namespace comes with the restore when the backup does not bring it; the policy always does."""
    if not any(isinstance(obj, dict) and obj.get("kind") == REQUIRED_KIND for obj in flatten(recipe.manifests)):
        namespace = {"apiVersion": "v1", "kind": REQUIRED_KIND, "metadata": {"name": recipe.target}}
        yield _made(namespace, "the app's namespace, which the backup does not hold", namespace)
    policy = deny_egress(recipe.target, recipe.app.quarantine)
    yield _made(policy, "quarantine: nothing leaves but what the app declares", None)


def _made(obj: Object, reason: str, released: Object | None) -> PlannedObject:
    who = identity(obj)
    return PlannedObject(identity=who, wave=wave(obj), action=Action.CREATE, reason=reason, object=obj, released=released)


def _planned(who: Identity, result: Transformed, number: int) -> PlannedObject:
    return PlannedObject(
        identity=who,
        wave=number,
        action=result.action,
        reason=result.reason,
        transforms=result.notes,
        object=result.object,
        released=result.released,
    )


def _restored_identity(obj: Object, result: Transformed, recipe: Recipe, context: TransformContext) -> Identity:
    if result.released is not None:
        return identity(result.released)
    who = identity(obj)
    scope = "" if context.cluster_scoped(obj) else who.namespace or recipe.source
    return Identity(who.group, who.kind, scope, who.name)


def _unique(planned: list[PlannedObject]) -> Iterator[PlannedObject]:
    """The same object twice is one object; two versions of one object are nobody's to choose between."""
    first: dict[Identity, PlannedObject] = {}
    for item in planned:
        before = first.setdefault(item.identity, item)
        if before is item:
            yield item
        elif before.row() != item.row():
            yield PlannedObject(
                identity=item.identity, wave=item.wave, action=Action.REFUSE, reason="the backup holds it twice, differently"
            )


def _check_quarantine(recipe: Recipe, planned: list[PlannedObject]) -> None:
    there = {item.identity.name for item in planned if item.identity.kind == "ConfigMap" and item.object is not None}
    if missing := sorted(set(recipe.app.quarantine.config) - there):
        raise PreflightFailed(
            f"quarantine.config of app {recipe.app.name} names ConfigMap {', '.join(missing)}, which the backup does not "
            "restore: the restored app could act on production; correct relight.toml or choose another backup"
        )
