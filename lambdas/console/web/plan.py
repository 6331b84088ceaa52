"""The plan of a run as its evidence holds it: only bytes that its hash covers are shown."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

from relight.adapters.s3 import S3, join
from relight.errors import PlanDrifted, RelightError
from relight.view import View

PLAN, OBJECTS, MANIFEST = "plan.json", "objects.jsonl", "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``document``: plan.json; ``problem``: why it cannot be shown, when it cannot."""

    hash: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def plan_of(view: View) -> Plan | None:
    """None before Plan has said which."""
    ref = (view.raw.get("facts") or {}).get("plan")
    if not ref:
        return None
    try:
        return Plan(hash=ref["hash"], document=json.loads(covered(ref["uri"], ref["hash"], PLAN)))
    except (RelightError, ValueError) as error:
        return Plan(hash=ref["hash"], problem=str(error))


@lru_cache(maxsize=4)
def covered(uri: str, digest: str, name: str) -> bytes:
    """A file of the plan's bundle. What was read once under a hash cannot be other bytes the next time.

    Raises PlanDrifted when it is not what the hash covers.
    """
    store = S3()
    manifest = store.get(join(uri, MANIFEST))
    if sha256(manifest).hexdigest() != digest:
        raise PlanDrifted(f"{uri}: its manifest is not the one that the run agreed on; do not approve it")
    data = store.get(join(uri, name))
    if sha256(data).hexdigest() != json.loads(manifest)["files"][name]["sha256"]:
        raise PlanDrifted(f"{uri}: {name} is not what its manifest lists; do not approve it")
    return data
