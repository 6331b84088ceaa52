"""What people hear of a promoted runner: the kind of message, and its facts."""

from lambdas.tend.judge import State
from relight.adapters.table import Lease
from relight.messages import Kind
from relight.model import Taken, Vitals
from relight.times import epoch, from_epoch
from relight.words import duration

KINDS = {
    State.WELL: Kind.PRODUCTION_WELL,
    State.SICK: Kind.PRODUCTION_SICK,
    State.SILENT: Kind.PRODUCTION_SILENT,
    State.GONE: Kind.PRODUCTION_GONE,
}


def facts(said: str, lease: Lease, vitals: Vitals | None, rpo: int, at: int) -> dict[str, str]:
    """``said``: why it is so; ``rpo``: the app's, in seconds; ``at``: now, in epoch seconds."""
    newest, runner = _newest(lease, vitals, at), lease.runner
    return {
        "why": said,
        "ends": from_epoch(lease.expires_at),
        "instance_id": runner.instance_id if runner else "unknown",
        "runner": f"{runner.instance_id} {runner.instance_type} {runner.zone}" if runner else "",
        "backup_id": newest.backup_id,
        "backup_uri": newest.uri,
        "backup_made": newest.created_at,
        "age": duration(max(0, at - epoch(newest.created_at))),
        "rpo": duration(rpo),
    }


def _newest(lease: Lease, vitals: Vitals | None, at: int) -> Taken:
    """The runner's own last backup, or else the one that it was restored from."""
    if vitals and vitals.taken:
        return vitals.taken
    plan = lease.plan
    if plan is None:
        return Taken(backup_id="unknown", uri="latest_valid", created_at=from_epoch(at))
    return Taken(backup_id=plan.backup_id, uri=plan.backup_uri, created_at=plan.created_at)
