"""Judges of what watches and tells: drills, triggers, people, dead letters, clocks."""

from datetime import datetime, timedelta

from relight.config import Drill
from relight.model import timestamp
from relight.readiness.facts import Backup, Drills, Facts, Subscribers, Trigger
from relight.readiness.findings import Findings, failed, passed, warning
from relight.words import duration

GRACE = timedelta(hours=3)  # a drill begins within its window, and takes its time
SKEW = 300  # seconds: more, and AWS refuses signed requests soon


def drill(facts: Facts, drills: Drills) -> Findings:
    last, before = due(facts.app.drill, facts.at)
    fails = "nobody knows whether the whole of it works"
    if drills.passed_at is None:
        yield failed("no drill has passed yet", fails, "rehearse it: relight drill")
    elif drills.passed_at >= last:
        yield passed(f"a drill passed at {timestamp(drills.passed_at)}")
    else:
        say = failed if drills.passed_at < before else warning
        seen = f"the last drill that passed began {timestamp(drills.passed_at)}; one was due {timestamp(last)}"
        yield say(seen, fails, "see why: relight runs; then relight drill, and relight arm for the schedule")


def due(schedule: Drill, at: datetime) -> tuple[datetime, datetime]:
    """The last two times at which a drill was due and, with its grace, should have passed."""
    from zoneinfo import ZoneInfo  # with croniter costly in a cold start, and only a drill's schedule needs them

    from croniter import croniter

    times = croniter(schedule.cron, (at - GRACE).astimezone(ZoneInfo(schedule.zone)))
    last: datetime = times.get_prev(datetime)
    before: datetime = times.get_prev(datetime)
    return last, before


def triggers(facts: Facts, triggers: tuple[Trigger, ...]) -> Findings:
    gone = [one.name for one in triggers if one.armed is None]
    off = [one.name for one in triggers if one.armed is False]
    if gone:
        yield failed(f"not deployed: {', '.join(gone)}", "no alarm starts a run", "deploy again (docs/deploy.md)")
    if off:
        yield warning(f"disarmed: {', '.join(off)}", "only a person starts a run", "relight arm, once a drill has passed")
    if not gone and not off:
        yield passed(f"armed: {', '.join(one.name for one in triggers)}")


def notify(facts: Facts, subscribers: Subscribers) -> Findings:
    if subscribers.confirmed:
        pending = f"; {subscribers.pending} have not confirmed" if subscribers.pending else ""
        yield passed(f"{subscribers.confirmed} confirmed subscriber(s){pending}")
        return
    window = duration(facts.app.approval_window)
    fails = f"nobody hears that a decision is wanted, and after {window} the run expires"
    if subscribers.pending:
        fix = "follow the link in AWS's message to each address, or subscribe again"
        yield failed(f"none of {subscribers.pending} subscriber(s) of the topic has confirmed", fails, fix)
    else:
        yield warning("the topic has no subscriber", fails, "name addresses under notify in relight.toml, and deploy")


def dead_letters(facts: Facts, count: int) -> Findings:
    if count:
        fix = "read them: queue …-dead-letters; correct the cause, then purge it"
        yield warning(
            f"{count} message(s) in the dead-letter queue", "something could not be started before, nor may be now", fix
        )
    else:
        yield passed("the dead-letter queue is empty")


def clock(facts: Facts, backup: Backup, skew: float) -> Findings:
    seen = f"this clock and S3's differ by {abs(skew):.0f} s"
    if abs(skew) > SKEW:
        yield failed(seen, "AWS refuses signed requests, ages are wrong", "correct the clock of whoever runs this check")
    elif backup.created_at and backup.committed_at and backup.created_at - backup.committed_at > timedelta(seconds=SKEW):
        ahead = duration((backup.created_at - backup.committed_at).total_seconds())
        said = f"{backup.backup_id} says it was made {ahead} after S3 received it"
        yield warning(said, "it looks fresher than it is: the RPO is judged too kindly", "correct the backup writer's clock")
    else:
        yield passed(seen)
