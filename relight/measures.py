"""What a run comes to so far, in the numbers of a decision: what would be lost, how long it took, what it costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relight.model import Phase, Verdict, moment
from relight.prices import hourly
from relight.view import View
from relight.words import duration, when


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """``said``: the number, in words; ``result``: met, missed, how it is, or empty where there is nothing to judge yet.

    ``objective``: what was promised.
    """

    name: str
    said: str
    objective: str = ""
    result: str = ""


def measures(view: View, at: datetime) -> tuple[Measure, ...]:
    """Only what there is something to say of: a run that chose no backup yet would lose nobody knows what."""
    return (*_why(view), *_production(view, at), *_rpo(view), *_rto(view, at), *_cost(view, at))


def _facts(view: View, name: str) -> dict[str, Any]:
    return dict((view.raw.get("facts") or {}).get(name) or {})


def _allowed(view: View, name: str) -> int | None:
    found = (_facts(view, "plan").get("objectives") or {}).get(name)
    return int(found) if found else None


def _held(seconds: float, allowed: int | None) -> dict[str, str]:
    if allowed is None:
        return {}
    return {"objective": f"at most {duration(allowed)}", "result": "met" if seconds <= allowed else "missed"}


def _why(view: View) -> Iterator[Measure]:
    if found := _facts(view, "detection"):
        yield Measure(name="The signals", said=found.get("reason") or "none was read", result=found.get("health") or "")


def _production(view: View, at: datetime) -> Iterator[Measure]:
    """How the app is on the runner that is production, until when its lease lasts, and its newest backup there."""
    if not (serving := view.raw.get("serving")):
        return
    vitals = serving.get("vitals") or {}
    lasts = f"its lease lasts until {when(serving['until'])}, and is renewed while it is heard of"
    said = f"{vitals.get('said') or 'its agent has said nothing yet'}; {lasts}"
    yield Measure(name=f"Production on {serving['runner']}", said=said, result=serving.get("state") or "unknown")
    if steps := vitals.get("failback"):
        done = ", ".join(step["action"] for step in steps if step["done"]) or "freezing"
        yield Measure(name="A failback has begun", said=f"nothing writes there ({done}): see relight failback")
    yield from _kept(serving, vitals, at)


def _kept(serving: dict[str, Any], vitals: dict[str, Any], at: datetime) -> Iterator[Measure]:
    """The newest backup of production; as long as there is none, as old as its promotion."""
    taken = vitals.get("taken") or {}
    since = taken.get("created_at") or serving.get("since")
    age = (at - moment(since)).total_seconds() if since else 0.0
    said = f"{taken['backup_id']}, {duration(age)} old" if taken else "none yet"
    yield Measure(name="Its newest backup", said=said, **_held(age, (serving.get("objectives") or {}).get("rpo")))
    if unsure := taken.get("unsure"):
        yield Measure(name="It may not be whole", said=unsure)
    if trouble := vitals.get("trouble"):
        yield Measure(name="Its last backup failed", said=trouble)


def _rpo(view: View) -> Iterator[Measure]:
    if view.backup_made:
        lost = max(0.0, (moment(view.started_at) - moment(view.backup_made)).total_seconds())
        said = f"what was written after {when(view.backup_made)}, {duration(lost)} before this run began"
        yield Measure(name="Would be lost (RPO)", said=said, **_held(lost, _allowed(view, "rpo")))


def _rto(view: View, at: datetime) -> Iterator[Measure]:
    """From the start of the run to a validated app; still counting until then, and nothing once it can no longer be."""
    began, allowed = moment(view.started_at), _allowed(view, "rto")
    done = next((row for row in view.phases if row.phase == Phase.VALIDATE and row.ended_at), None)
    if done and _facts(view, "validation").get("verdict") == Verdict.PASSED:
        took = (moment(str(done.ended_at)) - began).total_seconds()
        yield Measure(name="Time to recover (RTO)", said=f"{duration(took)} until validated", **_held(took, allowed))
    elif not view.outcome and not done:
        held = _held(so_far := (at - began).total_seconds(), allowed)
        held["result"] = "missed" if held.get("result") == "missed" else ""
        yield Measure(name="Time to recover (RTO)", said=f"{duration(so_far)} so far", **held)


def _cost(view: View, at: datetime) -> Iterator[Measure]:
    runner = _facts(view, "launch")
    if not runner.get("launched_at"):
        return
    gone = next((row.ended_at for row in view.phases if row.phase == Phase.TEARDOWN and row.ended_at), None)
    until = moment(gone) if gone and not view.held and not view.left else at
    seconds, rate = max(0.0, (until - moment(runner["launched_at"])).total_seconds()), hourly(runner["instance_type"])
    said = f"about USD {rate * seconds / 3600:.4f}: {runner['instance_type']} for {duration(seconds)}"
    yield Measure(name="Cost of the runner", said=said + (" so far" if until == at else ""))
