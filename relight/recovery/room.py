"""Whether the runner's disk has room for what is restored: asked of the plan, before a machine is launched."""

from collections.abc import Iterator, Sequence
from math import ceil

from relight.errors import PreflightFailed
from relight.recovery.context import BackupFacts
from relight.recovery.prepare import PlannedObject
from relight.recovery.sizes import quantity

GIB = 2**30
SYSTEM_GIB = 6  # Ubuntu, k3s with its own images, the agent, and images of the app: assumed, not measured on a runner

Wanted = tuple[str, float, int]  # what wants room, its GiB, and the GiB of system that it must leave


def state_bytes(backup: BackupFacts) -> int:
    """What the backup's volumes take on a disk, holes included; an older backup says only what its artifacts have."""
    if backup.volumes is None:
        return sum(artifact.bytes for artifact in backup.artifacts.values())
    return sum(volume.bytes for volume in backup.volumes)


def require_disk(objects: Sequence[PlannedObject], backup: BackupFacts, disk_gib: int) -> None:
    """Raises PreflightFailed where the data, or what a claim asks for, cannot be on the runner's disk."""
    needs = wanted(objects, backup)
    lacking = [f"{what} ({gib:.1f} GiB)" for what, gib, system in needs if gib + system > disk_gib]
    if lacking:
        needed = max(ceil(gib) + SYSTEM_GIB for _, gib, _ in needs)
        raise PreflightFailed(
            f"runner's disk: {disk_gib} GiB, too small for {', '.join(lacking)}; nothing was launched; "
            f"set runner.disk_gib to {needed} or more in relight.toml and deploy"
        )


def wanted(objects: Sequence[PlannedObject], backup: BackupFacts) -> list[Wanted]:
    return [*_data(backup), *_claims(objects)]


def _data(backup: BackupFacts) -> Iterator[Wanted]:
    yield f"the data of {backup.backup_id} beside the system's {SYSTEM_GIB} GiB", state_bytes(backup) / GIB, SYSTEM_GIB


def _claims(objects: Sequence[PlannedObject]) -> Iterator[Wanted]:
    """A claim is a promise of room; a disk is shared, so each is held against all of it."""
    for item in objects:
        if item.object is None or item.identity.kind != "PersistentVolumeClaim":
            continue
        try:
            asked = quantity(item.object["spec"]["resources"]["requests"]["storage"])
        except (KeyError, TypeError, ValueError):
            continue  # the API server will say what is wrong with it
        yield f"what {item.identity} asks for", asked / GIB, 0
