"""What a recovery will take and cost, from a few measured rates: stated in the plan, never promised."""

from typing import Any

from relight.prices import hourly
from relight.recovery.context import Recipe
from relight.recovery.prepare import PlannedObject
from relight.recovery.room import state_bytes

INSTANCE_SECONDS = 15  # from the request to an agent at work
CLUSTER_SECONDS = 8
PODS_SECONDS = 5
STATE_BYTES_A_SECOND = 150 * 2**20  # fetch, verify and unpack, overlapping
DISK_BYTES_A_SECOND = 125 * 2**20  # what a gp3 volume writes unless more is paid for
OBJECTS_A_SECOND = 150
APPROVAL_SECONDS = 900  # a person takes about this long


def estimate(recipe: Recipe, objects: tuple[PlannedObject, ...], ladder: tuple[str, ...]) -> dict[str, Any]:
    """Seconds from the plan to a validated app, and USD for the runner until somebody has decided."""
    size = sum(artifact.bytes for artifact in recipe.backup.artifacts.values())
    applied = sum(item.object is not None for item in objects)
    paces = {
        "the cluster's start sets the pace": CLUSTER_SECONDS,
        "the download sets the pace, at 150 MiB/s": size / STATE_BYTES_A_SECOND,
        "the runner's disk sets the pace: gp3 writes 125 MiB/s": state_bytes(recipe.backup) / DISK_BYTES_A_SECOND,
    }
    pace, apply = max(paces, key=lambda what: paces[what]), applied / OBJECTS_A_SECOND
    seconds = INSTANCE_SECONDS + paces[pace] + apply + PODS_SECONDS
    dearest = max(map(hourly, ladder), default=0.0)
    return {
        "seconds": round(seconds),
        "objects": applied,
        "bytes": size,
        "pace": pace,
        "usd_an_hour": dearest,
        "usd": round(dearest * (seconds + APPROVAL_SECONDS) / 3600, 4),
        "assumes": {
            "instance_seconds": INSTANCE_SECONDS,
            "cluster_seconds": CLUSTER_SECONDS,
            "pods_seconds": PODS_SECONDS,
            "state_bytes_a_second": STATE_BYTES_A_SECOND,
            "disk_bytes_a_second": DISK_BYTES_A_SECOND,
            "objects_a_second": OBJECTS_A_SECOND,
            "approval_seconds": APPROVAL_SECONDS,
            "validators_take": "up to their deadlines, not counted",
        },
    }
