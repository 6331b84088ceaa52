"""What an approval is bound to, and where a run's evidence lies."""

import hashlib

from relight.model import Run, canonical


def evidence_prefix(bucket: str, run: Run) -> str:
    """``s3://<evidence>/<app>/<run_id>``: everything that a run leaves is below it."""
    return f"s3://{bucket}/{run.app}/{run.run_id}"


def evidence_hash(plan_hash: str, metadata_sha256: str, checks_sha256: str) -> str:
    """The sha256 (hex) that binds plan, backup and the checks' document: the approver's yes covers exactly these."""
    return digest(canonical({"plan": plan_hash, "metadata": metadata_sha256, "checks": checks_sha256}))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
