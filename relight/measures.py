"""What a run comes to so far, in the numbers of a decision: what would be lost, how long it took, what it costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relight.model import Phase, Verdict, moment
from relight.prices import hourly
from relight.view import View
from relight.words import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """``said``: the number, in words; ``result``: met, missed, or empty where nothing was promised or it is not over."""

    name: str
    said: str
    objective: str = ""
    result: str = ""


def measures(view: View, at: datetime) -> tuple[Measure, ...]:
    """Only what there is something to say of: a run that chose no backup yet would lose nobody knows what."""
    return (*_rpo(view), *_rto(view, at), *_cost(view, at))


def _facts(view: View, name: str) -> dict[str, Any]:
    return dict((view.raw.get("facts") or {}).get(name) or {})


def _allowed(view: View, name: str) -> int | None:
    found = (_facts(view, "plan").get("objectives") or {}).get(name)
    return int(found) if found else None


def _held(seconds: float, allowed: int | None) -> dict[str, str]:
    if allowed is None:
        return {}
    return {"objective": f"at most {duration(allowed)}", "result": "met" if seconds <= allowed else "missed"}


def _rpo(view: View) -> Iterator[Measure]:
    if view.backup_made:
        lost = max(0.0, (moment(view.started_at) - moment(view.backup_made)).total_seconds())
        said = f"what was written after {view.backup_made}, {duration(lost)} before this run began"
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
