"""Judges of what watches and tells: drills, triggers, people, dead letters, clocks."""

from datetime import timedelta

from relight.drills import GRACE, due, overdue, risk, unproven
from relight.readiness.facts import Backup, Drills, Facts, Subscribers, Trigger
from relight.readiness.findings import Findings, failed, passed, warning
from relight.words import duration, many

# The call replaces what the bucket has, so it is for one that has none.
SEND_EVENTS = (
    "switch it on: S3 console, bucket {bucket}, Properties, Amazon EventBridge; or, where it notifies nobody yet: aws s3api "
    "put-bucket-notification-configuration --bucket {bucket} "
    "--notification-configuration '{{\"EventBridgeConfiguration\": {{}}}}'"
)
SKEW = 300  # seconds: more, and AWS refuses signed requests soon


def drill(facts: Facts, drills: Drills) -> Findings:
    app, last = facts.app, drills.last
    fails = "nobody knows whether the whole of it works"
    if why := unproven(app, last):
        yield failed(why, fails, "rehearse it: relight drill")
    elif late := overdue(app.drill, last, facts.at):
        before = due(app.drill, facts.at) + GRACE - timedelta(seconds=1)  # when the one before that was the last due
        say = failed if overdue(app.drill, last, before) else warning
        yield say(late, fails, "see why: relight runs; then relight drill, and relight arm for the schedule")
    elif last:
        yield passed(f"a drill passed at {last.began_at}")


def triggers(facts: Facts, triggers: tuple[Trigger, ...], drills: Drills) -> Findings:
    gone = [one.name for one in triggers if one.armed is None]
    off = [one.name for one in triggers if one.armed is False]
    if gone:
        yield failed(f"not deployed: {', '.join(gone)}", "no alarm starts a run", "deploy again (docs/deploy.md)")
    why, arming = unproven(facts.app, drills.last), next((one.arming for one in triggers if one.arming), None)
    if off:
        fix = "rehearse it: relight drill; then relight arm" if why else "let them: relight arm"
        yield warning(f"disarmed: {', '.join(off)}", "only a person starts a run", fix)
    if why and any(one.armed for one in triggers):
        fails = "an alarm starts a recovery that nobody has rehearsed as it is now"
        yield failed(risk(arming, why), fails, "rehearse it: relight drill; not wanted: relight disarm")
    elif not gone and not off:
        by = f", by {arming.by} at {arming.at}" if arming else ""
        yield passed(f"armed: {', '.join(one.name for one in triggers)}{by}")


def bucket_events(facts: Facts, told: bool) -> Findings:
    bucket = facts.app.storage.removeprefix("s3://").partition("/")[0]
    if told:
        yield passed(f"bucket {bucket} sends its events to EventBridge: a new backup is proven as it comes")
        return
    fails = "a new backup is proven by the next hourly round: until then nobody knows that it is damaged"
    yield warning(f"bucket {bucket} does not send its events to EventBridge", fails, SEND_EVENTS.format(bucket=bucket))


def notify(facts: Facts, subscribers: Subscribers) -> Findings:
    if subscribers.confirmed:
        pending = f"; {subscribers.pending} have not confirmed" if subscribers.pending else ""
        yield passed(f"{many(subscribers.confirmed, 'confirmed subscriber')}{pending}")
        return
    window = duration(facts.app.approval_window)
    fails = f"nobody hears that a decision is wanted, and after {window} the run expires"
    if subscribers.pending:
        fix = "follow the link in AWS's message to each address, or subscribe again"
        yield failed(f"none of the topic's {many(subscribers.pending, 'subscriber')} has confirmed", fails, fix)
    else:
        yield warning("the topic has no subscriber", fails, "name addresses under notify in relight.toml, and deploy")


def dead_letters(facts: Facts, count: int) -> Findings:
    if count:
        fix = "read them: queue …-dead-letters; correct the cause, then purge it"
        said = f"{many(count, 'message')} in the dead-letter queue"
        yield warning(said, "something could not be started before, nor may be now", fix)
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
