"""What doctor says of each app: whether anything starts by itself, and whether a new backup is told of."""

from collections.abc import Iterator

from relight.adapters.buckets import tells_eventbridge
from relight.adapters.s3 import S3, split
from relight.adapters.triggers import triggers
from relight.cli.findings import Finding, refused
from relight.cli.session import Session
from relight.drills import risk
from relight.errors import RelightError
from relight.readiness.watchers import SEND_EVENTS


def armed(session: Session) -> Iterator[Finding]:
    """Which apps are armed, by whom, and whether a drill has passed on what is armed."""
    try:
        session.connect()
        apps = session.config.apps
    except RelightError:
        return  # said by the checks before
    for app in apps:
        try:
            yield standing(session, app.name)
        except RelightError as error:
            yield refused(f"triggers of {app.name}", error)


def standing(session: Session, app: str) -> Finding:
    """Raises what the console API, EventBridge and Scheduler raise."""
    _, why = session.console.triggers(app)
    alarm, *others = triggers(session.config.name, app)
    check, arming = f"triggers of {app}", alarm.arming
    if why and alarm.armed:
        fix = f"an alarm starts a recovery that nobody rehearsed: relight drill --app {app}; or relight disarm --app {app}"
        return Finding(check=check, state="failed", detail=risk(arming, why), fix=fix)
    off = ", ".join(one.trigger for one in (alarm, *others) if not one.armed)
    if off:
        fix = f"relight arm --app {app}" if not why else f"relight drill --app {app}; once it has passed, relight arm"
        detail = f"disarmed: {off}" + (f"; {why}" if why else "; a drill has passed on its configuration")
        return Finding(check=check, state="warning", detail=detail, fix=fix)
    by = f" by {arming.by} at {arming.at}" if arming else ""
    return Finding(check=check, state="ok", detail=f"armed{by}; a drill has passed on its configuration")


def bucket_events(session: Session) -> Iterator[Finding]:
    """Whether S3 tells of a new backup, or the hourly round has to find it."""
    try:
        apps, store = session.config.apps, S3()
    except RelightError:
        return  # said by the checks before
    for app in apps:
        check, bucket = f"events of {app.name}", split(app.storage)[0]
        try:
            told = tells_eventbridge(store, app.storage)
        except RelightError as error:
            yield refused(check, error)
            continue
        detail = (
            f"bucket {bucket} sends its events to EventBridge"
            if told
            else (f"bucket {bucket} does not send its events to EventBridge: a damaged backup is noticed up to an hour late")
        )
        fix = "" if told else SEND_EVENTS.format(bucket=bucket)
        yield Finding(check=check, state="ok" if told else "warning", detail=detail, fix=fix)
