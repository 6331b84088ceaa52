"""What an approval is bound to, whether that is still so, and where a run's evidence lies."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from relight.adapters.s3 import join
from relight.errors import ObjectNotFound
from relight.model import Artifact, Bound, PlanRef, Run, Validation, canonical

PLAN_MANIFEST, METADATA = "manifest.json", "metadata.json"
NAMES = {"plan": "the plan", "backup": "the backup", "checks": "the checks' document"}
Read = Callable[[str], bytes]


def evidence_prefix(bucket: str, run: Run) -> str:
    """``s3://<evidence>/<app>/<run_id>``: everything that a run leaves is below it."""
    return f"s3://{bucket}/{run.app}/{run.run_id}"


def evidence_hash(plan_hash: str, metadata_sha256: str, checks_sha256: str) -> str:
    """The sha256 (hex) that binds plan, backup and the checks' document: the approver's yes covers exactly these."""
    return digest(canonical({"plan": plan_hash, "metadata": metadata_sha256, "checks": checks_sha256}))


def bound(plan: PlanRef, validation: Validation) -> Bound:
    """What an approval of this validation covers."""
    return Bound(
        plan=Artifact(uri=join(plan.uri, PLAN_MANIFEST), sha256=plan.hash),
        backup=Artifact(uri=join(plan.backup_uri, METADATA), sha256=plan.metadata_sha256),
        checks=validation.evidence,
    )


def hash_of(covered: Bound) -> str:
    return evidence_hash(covered.plan.sha256, covered.backup.sha256, covered.checks.sha256)


def drift(read: Read, covered: Bound) -> Iterator[str]:
    """What is no longer as it was when it was validated, in words. What cannot be read raises: it is not known to hold."""
    for name, told in NAMES.items():
        yield from _changed(read, told, getattr(covered, name))
    if not any(_changed(read, "", covered.plan)):
        listed: dict[str, Any] = msgspec.json.decode(read(covered.plan.uri))["files"]
        where = covered.plan.uri.removesuffix(PLAN_MANIFEST)
        for name, file in listed.items():
            yield from _changed(read, f"{name} of the plan", Artifact(uri=join(where, name), sha256=file["sha256"]))


def _changed(read: Read, told: str, covered: Artifact) -> Iterator[str]:
    try:
        if digest(read(covered.uri)) != covered.sha256:
            yield f"{told} was changed"
    except ObjectNotFound:
        yield f"{told} is gone"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
