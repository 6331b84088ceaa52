"""What a restore makes of objects: the form of each while quarantined, and once released."""

from relight.config import Quarantine
from relight.recovery.cluster import Object
from relight.recovery.prepare import PlannedObject, prepare
from tests.recovery.shop import (
    app,
    recipe,
)


def restored(*objects: Object, **fields: object) -> dict[str, PlannedObject]:
    fields.setdefault("app", app(quarantine=Quarantine()))
    return {f"{item.identity.kind}/{item.identity.name}": item for item in prepare(recipe([*objects], **fields))}


def quarantined_form(item: PlannedObject) -> Object:
    assert item.object is not None
    return item.object


def released_form(item: PlannedObject) -> Object:
    assert item.released is not None
    return item.released


def image_of(item: PlannedObject) -> str:
    return str(released_form(item)["spec"]["template"]["spec"]["containers"][0]["image"])
