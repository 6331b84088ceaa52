"""``relight arm``, ``relight disarm`` and ``relight triggers``: what may start runs by itself, and what it last did."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console as Page
from rich.markup import escape

from relight.adapters.identity import caller
from relight.adapters.triggers import Trigger, alarm_state, switch
from relight.adapters.triggers import triggers as deployed
from relight.cli.output import table, toned
from relight.cli.session import AppOption, Session
from relight.cron import next_due
from relight.drills import risk
from relight.errors import DrillNotPassed
from relight.model import Arming, encode, now, timestamp

DOES = {
    "alarm": "starts a recovery when the app's alarm fires",
    "watch": "looks for an alarm that stays and that no run is at",
    "drill": "starts a drill",
}
SAYS = {
    ("unhealthy", "ALARM"): "[red]unhealthy[/]: its alarm is on",
    ("recovered", "OK"): "healthy for long enough to count as recovered",
    ("recovered", "ALARM"): "not healthy for long enough to count as recovered",
    ("probe-silent", "ALARM"): "[red]nobody looks at it[/]: read the probe's log",
}


def arm(session: Session, app: AppOption = None) -> None:
    """Lets the alarm and the drill schedule start runs.

    Only once a drill has passed on the app's configuration as it is now; an app that you name is armed all the same.

    \b
    Examples:
      relight arm
      relight arm --app shop
    """
    chosen = session.app(app).name
    session.connect()
    _, why = session.console.triggers(chosen)
    if why and app is None:
        fix = f"rehearse it: relight drill; or arm it by its name, unproven: relight arm --app {chosen}"
        raise DrillNotPassed(f"app {chosen}", f"{why}, so nobody knows what an alarm would start", fix)
    switched(session, app, Arming(by=caller(), at=now(), proven=why is None))
    if why:
        session.output.says(f"it is armed unproven: {escape(why)}; rehearse it soon: relight drill")


def disarm(session: Session, app: AppOption = None) -> None:
    """Stops the alarm and the drill schedule from starting runs.

    \b
    Examples:
      relight disarm --app shop
    """
    switched(session, app, None)


def switched(session: Session, app: str | None, arming: Arming | None) -> None:
    chosen, armed = session.app(app).name, arming is not None
    session.connect()
    found = switch(session.config.name, chosen, arming)
    said = (
        "armed: its alarm starts a recovery, its schedule a drill"
        if armed
        else "disarmed: only a person starts a run now; arm it again: relight arm"
    )
    rows = [(trigger.kind, trigger.name, "on" if trigger.armed else "off") for trigger in found]

    def render(page: Page) -> None:
        page.print(table(("", "name", "state"), rows))
        page.print(f"app {chosen} is {said}")
        if armed and alarm_state(session.config.name, chosen) == "ALARM":
            page.print("its alarm is on now: the watch starts a recovery within five minutes; not wanted: relight disarm")

    session.output.show({"app": chosen, "armed": armed, "triggers": found}, render)


def triggers(session: Session, app: AppOption = None) -> None:
    """Shows what may start runs by itself, and what it last did.

    \b
    Examples:
      relight triggers
      relight triggers --app shop -o json
    """
    chosen = session.app(app).name
    session.connect()
    name = session.config.name
    fired, unproven = session.console.triggers(chosen)
    last = {row["trigger"]: row for row in fired}
    found, at = deployed(name, chosen), datetime.now(UTC)
    rows = [{**encode(one), "next": due(one, at), "last": last.get(one.trigger)} for one in found]
    alarms = {which: alarm_state(name, chosen, which) for which in ("unhealthy", "recovered", "probe-silent")}

    def render(page: Page) -> None:
        page.print(table(("trigger", "armed", "next", "last", "what came of it"), [cells(row) for row in rows]))
        for line in (*footer(chosen, alarms, last.get("recovered")), *standing(found, unproven)):
            page.print(line)

    document = {"app": chosen, "alarms": alarms, "triggers": rows, "recovered": last.get("recovered")}
    session.output.show({**document, "unproven": unproven}, render)


def standing(found: tuple[Trigger, ...], unproven: str | None) -> Iterator[str]:
    """Whose arming it is, what nobody has rehearsed, and what to do about either."""
    alarm = next(one for one in found if one.trigger == "alarm")
    if unproven and alarm.armed:
        yield f"[red]unproven[/]: {escape(risk(alarm.arming, unproven))}; rehearse it: relight drill"
    elif alarm.arming:
        yield f"armed by {escape(alarm.arming.by)} at {alarm.arming.at}"
    if not all(one.armed for one in found):
        why = f" ({escape(unproven)})" if unproven else ""
        yield f"what is off starts nothing; let it: {f'relight drill{why}, then relight arm' if unproven else 'relight arm'}"


def due(one: Trigger, now: datetime) -> str | None:
    """The next time of a schedule that names times: in UTC, as its own zone has it."""
    if not one.armed or not one.when.startswith("cron("):
        return None
    minute, hour, day, month, weekday, _ = one.when[len("cron(") : -1].replace("?", "*").split()
    return timestamp(next_due(" ".join((minute, hour, day, month, weekday)), one.zone, now))


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    last = row["last"] or {}
    came = " ".join(filter(None, (escape(last.get("said", "")), toned(last.get("outcome") or ""))))
    when = row["next"] or (f"{row['when'].removeprefix('rate(').rstrip(')')}" if row["armed"] and row["when"] else "")
    every = f"every {when}" if when and not row["next"] else f"{when} ({row['zone']})" if row["next"] else ""
    return row["trigger"], "on" if row["armed"] else "off", every, last.get("at", "never"), came or DOES[row["trigger"]]


def footer(app: str, alarms: dict[str, str], recovered: dict[str, Any] | None) -> Iterator[str]:
    says = [SAYS[pair] for pair in alarms.items() if pair in SAYS]
    yield f"app {app}: {'; '.join(says) or 'the probe has not said enough yet'}"
    if recovered and recovered.get("run_id"):
        yield f"  {recovered['at']}  {escape(recovered['said'])}"
