"""The plan: what a restore will do, as a bundle of canonical JSON whose hash an approval covers.

Equal inputs give equal bytes in every process: no clock, no run id, no host. The bundle lists objects by digest and never
holds one, so that evidence carries no Secret; whoever restores prepares the objects again and ``bind``s them to the plan.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relight.errors import PlanDrifted
from relight.model import Mode, canonical, encode
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.estimate import estimate
from relight.recovery.forecast import Forecast, forecast
from relight.recovery.images import by_digest, pinned
from relight.recovery.objects import ASSIGNED, containers, pod_spec
from relight.recovery.order import WAVES
from relight.recovery.platforms import Platforms
from relight.recovery.prepare import PlannedObject, prepare
from relight.recovery.room import require_disk
from relight.recovery.standing import Existing
from relight.recovery.target import EMPTY
from relight.recovery.transforms import Action
from relight.recovery.volumes import directory, volume_name

PLAN, OBJECTS, MANIFEST = "plan.json", "objects.jsonl", "manifest.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """``ladder``: the runner's instance types, best first. ``disk_gib``: its disk; None where no runner of ours is meant."""

    recipe: Recipe
    mode: Mode
    ladder: tuple[str, ...]
    disk_gib: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBundle:
    """``files`` by name, ``manifest.json`` among them; ``hash`` is the sha256 of that one."""

    files: dict[str, bytes] = field(repr=False)
    hash: str
    objects: tuple[PlannedObject, ...] = field(repr=False)
    forecast: Forecast
    backup: BackupFacts = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.files[PLAN])
        return found

    @property
    def refused(self) -> tuple[PlannedObject, ...]:
        return tuple(item for item in self.objects if item.action == Action.REFUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPlan:
    """A plan as fetched, its hashes checked."""

    document: dict[str, Any]
    rows: tuple[dict[str, Any], ...] = field(repr=False)


def make_plan(inputs: PlanInputs) -> PlanBundle:
    """Pure. Raises ImageNotPinned, RequestInvalid and PreflightFailed as ``prepare`` and ``require_disk`` do."""
    objects = prepare(inputs.recipe)
    if inputs.disk_gib is not None:
        require_disk(objects, inputs.recipe.backup, inputs.disk_gib)
    backup = inputs.recipe.backup
    foreseen = forecast(objects, EMPTY, Existing(inputs.recipe.app.existing), inputs.ladder, backup)
    told = zip(objects, foreseen.told, strict=True)
    rows = b"".join(canonical(item.row() | {"fate": one.fate, "because": one.because}) + b"\n" for item, one in told)
    files = {PLAN: canonical(_document(inputs, objects, foreseen)) + b"\n", OBJECTS: rows}
    listed = {name: {"bytes": len(data), "sha256": _digest(data)} for name, data in files.items()}
    manifest = canonical({"schema_version": SCHEMA_VERSION, "files": listed}) + b"\n"
    files |= {MANIFEST: manifest}
    return PlanBundle(files=files, hash=_digest(manifest), objects=objects, forecast=foreseen, backup=backup)


def open_plan(files: Mapping[str, bytes], expected_hash: str) -> OpenedPlan:
    """Raises PlanDrifted when the bundle is not the one that ``expected_hash`` covers."""
    if _digest(files.get(MANIFEST, b"")) != expected_hash:
        raise PlanDrifted("the plan's manifest is not the one that the run agreed on; make a new plan")
    for name, listed in json.loads(files[MANIFEST])["files"].items():
        if _digest(files.get(name, b"")) != listed["sha256"]:
            raise PlanDrifted(f"{name} of the plan is not what its manifest lists; make a new plan")
    rows = tuple(json.loads(line) for line in files[OBJECTS].splitlines())
    return OpenedPlan(document=json.loads(files[PLAN]), rows=rows)


def bind(plan: OpenedPlan, recipe: Recipe) -> tuple[PlannedObject, ...]:
    """The objects of the recipe, held row by row against the plan. Raises PlanDrifted naming the first that differs."""
    objects = prepare(recipe)
    for item, row in zip(objects, plan.rows, strict=False):
        if not json.loads(canonical(item.row())).items() <= row.items():
            raise PlanDrifted(f"{item.identity} is not what the plan covers; make a new plan from this backup")
    if len(objects) != len(plan.rows):
        raise PlanDrifted(f"the plan covers {len(plan.rows)} objects, the backup gives {len(objects)}; make a new plan")
    return objects


def _document(inputs: PlanInputs, objects: tuple[PlannedObject, ...], foreseen: Forecast) -> dict[str, Any]:
    recipe = inputs.recipe
    return {
        "schema_version": SCHEMA_VERSION,
        "app": recipe.app.name,
        "mode": inputs.mode,
        "backup": _backup(recipe),
        "namespace": {"backed_up": recipe.source, "restored": recipe.target},
        "image_ref": recipe.image_ref,
        "counts": dict(Counter(item.action.value for item in objects)),
        "order": [list(kinds) for kinds in WAVES],
        "stripped": {kind: list(paths) for kind, paths in ASSIGNED.items()},
        "quarantine": {
            "config": {name: sorted(values) for name, values in recipe.app.quarantine.config.items()},
            "allow_egress": list(recipe.app.quarantine.allow_egress),
        },
        "images": _images(objects, recipe.backup.platforms),
        "volumes": _volumes(recipe, objects),
        "validators": encode(recipe.validators),
        "promote": encode(recipe.app.promote),
        "allow_partial": recipe.app.allow_partial,
        "existing": recipe.app.existing,
        "runner": {"ladder": list(inputs.ladder)},
        "forecast": foreseen.summary(),
        "estimate": estimate(recipe, objects, inputs.ladder),
    }


def _backup(recipe: Recipe) -> dict[str, Any]:
    backup = recipe.backup
    return {
        "uri": backup.uri,
        "backup_id": backup.backup_id,
        "created_at": backup.created_at,
        "metadata_sha256": backup.metadata_sha256,
        "artifacts": encode(backup.artifacts),
    }


def _images(objects: tuple[PlannedObject, ...], seen: Platforms) -> list[dict[str, Any]]:
    found = []
    for item in objects:
        spec = pod_spec(item.released) if item.released is not None else None
        for container in containers(spec or {}):
            who, ref = item.identity, str(container.get("image", ""))
            row = {"workload": f"{who.kind}/{who.name}", "container": container.get("name", "")}
            found.append(row | {"ref": ref, "pinned": pinned(ref), "platforms": list(seen.get(by_digest(ref), ()))})
    return sorted(found, key=lambda image: (image["workload"], image["container"]))


def _volumes(recipe: Recipe, objects: tuple[PlannedObject, ...]) -> list[dict[str, Any]]:
    data = {volume.claim: volume for volume in recipe.backup.volumes or () if volume.namespace == recipe.source}
    claims = [item.identity for item in objects if item.identity.kind == "PersistentVolumeClaim" and item.object is not None]
    return [
        {
            "claim": claim.name,
            "namespace": claim.namespace,
            "volume": volume_name(claim.namespace, claim.name),
            "directory": directory(recipe.source, claim.name),
            "bytes": data[claim.name].bytes if claim.name in data else None,
            "files": data[claim.name].files if claim.name in data else None,
        }
        for claim in claims
    ]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
