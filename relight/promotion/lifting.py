"""The last step of every promotion, in words: what the agent gives back to the restored app, as its plan lists it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

LAST = "last, lift quarantine"
ROWS = msgspec.json.Decoder(dict[str, Any])
SHOWN = 10  # names of one kind


def lifted(objects: bytes) -> list[str]:
    """A line a kind of object that promotion changes; ``objects``: the plan's objects.jsonl."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in ROWS.decode_lines(objects):
        if row["sha256"] != row["released_sha256"]:
            found[row["kind"]].append(f"{row['name']} ({', '.join(row['transforms']) or row['reason']})")
    return [f"{LAST}: {_kind(kind)} {_some(names)}" for kind, names in found.items()] or [f"{LAST}: nothing is quarantined"]


def _kind(kind: str) -> str:
    return "CronJobs resume:" if kind == "CronJob" else f"{kind}:"


def _some(names: Iterable[str]) -> str:
    named = sorted(names)
    rest = len(named) - SHOWN
    return "; ".join(named[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
