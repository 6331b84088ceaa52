"""What drills prove, and for how long: nothing starts by itself before one passed, and one that is overdue is told."""

from datetime import datetime, timedelta
from hashlib import sha256

from relight.config import App, Drill
from relight.model import Arming, Mode, PassedDrill, Phase, Run, canonical, encode, moment, timestamp

GRACE = timedelta(hours=3)  # a drill begins within its flexible window, and takes its time
# When to rehearse, what to keep, whom to ask and who decides change no recovery.
DECIDING = ("approvals", "approvers", "session_roles", "people", "request_hold", "remind_after", "escalate_after")
UNCHANGED_BY = ("drill", "retention", "registries", *DECIDING)


def version(app: App) -> str:
    """Of the app's configuration, as far as a recovery goes by it: what one version proved says nothing of another."""
    matters = {name: value for name, value in encode(app).items() if name not in UNCHANGED_BY}
    return sha256(canonical(matters)).hexdigest()[:16]


def is_whole(run: Run) -> bool:
    """Whether a drill that succeeds rehearses what an incident would do: all of it, undamaged, with the app's own image."""
    part = run.start_at != Phase.LAUNCH or not run.run_job or run.image_ref or run.negative_control
    return run.mode == Mode.DRILL and not part


def unproven(app: App, passed: PassedDrill | None) -> str | None:
    """Why nothing may start by itself yet, or None."""
    if passed is None:
        return "no drill of it has passed yet"
    if passed.version != version(app):
        return f"its configuration changed since the last drill that passed ({passed.run_id}, {passed.began_at})"
    return None


def risk(arming: Arming | None, why: str) -> str:
    """Of an armed app: how it came to be so, and ``why`` it is unproven."""
    if arming is None:
        return f"armed, and not by relight arm: {why}"
    how = "after a drill had passed" if arming.proven else "by its name, unproven"
    return f"armed {how}, by {arming.by} at {arming.at}: {why}"


def overdue(drill: Drill, passed: PassedDrill | None, at: datetime) -> str | None:
    """Why the rehearsals are not alive: the last one due was skipped, hung or failed. None where one passed since."""
    last = due(drill, at)
    if passed and moment(passed.began_at) >= last:
        return None
    told = f"the last that passed began {passed.began_at}" if passed else "none has ever passed"
    return f"a drill was due {timestamp(last)}; {told}"


def due(drill: Drill, at: datetime) -> datetime:
    """The last time at which a drill was due and, with its grace, should have passed."""
    from relight.cron import last_due  # croniter is slow to load, and Plan asks for a version alone

    return last_due(drill.cron, drill.zone, at - GRACE).first
