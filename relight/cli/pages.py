"""What a person sees of runs: the list, one run, its story line by line, its ending."""

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from relight.cli.output import table, toned
from relight.measures import Measure, measures
from relight.view import HINTS, TOLD, CheckRow, PhaseRow, View, outcome_of, standing
from relight.words import A_RUNG, attempt, duration, when, whole

SUMMARY = 200  # characters of what a phase or a check says that fit a line; relight status has the rest
NEXT = {
    "Succeeded": "nothing",
    "Healthy": "nothing; the signals were healthy, so nothing was launched",
    "Rejected": "nothing runs; start again when you are ready: relight drill",
    "Expired": "nobody decided in time and nothing was promoted; start again and decide before the window closes",
    "Preempted": "an incident took the app's place; run the drill again when it is over",
    "Failed": "read the report and the failed phase's receipt, then docs/errors.md",
}

APPROVES = {"incident": "it becomes production", "drill": "a rehearsal: nothing is promoted"}
UNREPORTED = "there is no report; relight evidence fetch RUN_ID copies what the run did leave"


def hint(phase: str) -> str:
    return HINTS.get(phase, "")


def doing(view: View, phase: str) -> str:
    """The hint, but for Teardown when somebody asked for the runner to be kept, and for Launch after a runner was lost."""
    if phase == "launch" and any(row.phase == phase and row.attempt >= A_RUNG for row in view.phases):
        return "the last runner gave no sign of life; asking for another, on the next rung of the ladder"
    return "keeping the runner, unless the run has failed" if phase == "teardown" and view.to_hold else hint(phase)


def runs(page: Console, app: str, found: list[dict[str, Any]]) -> None:
    if not found:
        page.print(f"app {app} has no runs yet; start one: relight drill")
        return
    rows = [
        (row["run_id"], toned(standing(row.get("outcome"), row.get("phase"))), row.get("mode", ""), when(row["started_at"]))
        for row in found
    ]
    page.print(table(("run", "state", "mode", "started"), rows))


def run(page: Console, view: View) -> None:
    page.print(f"[bold]{view.run_id}[/]  {toned(standing(view.outcome, view.phase))}")
    page.print(f"{view.mode} of {view.app}, asked for by {escape(view.initiator)}")
    page.print()
    page.print(table(("phase", "state", "took", ""), [phase_cells(view, row) for row in view.phases]))
    if view.checks:
        page.print()
        rows = [(c.validator, toned(c.verdict), duration(c.seconds), escape(c.detail)) for c in view.checks]
        page.print(table(("check", "verdict", "took", ""), rows))
    page.print()
    page.print(table(("what it comes to", ""), [(one.name, measured(one)) for one in measures(view, datetime.now(UTC))]))
    page.print()
    for line in footer(view):
        page.print(line)


def measured(one: Measure) -> str:
    """``at once (at most 2 h: met)``; where nothing was promised, ``well: as it should be``."""
    said, result = escape(one.said), toned(one.result)
    if one.objective:
        return f"{said} ({one.objective}{': ' * bool(result)}{result})"
    return f"{result}: {said}" if result else said


def phase_cells(view: View, row: PhaseRow) -> tuple[str, str, str, str]:
    again = f" ({attempt(row.attempt)})" if row.attempt else ""
    return row.phase, toned(row.status) + again, whole(row.seconds), escape(outcome_of(view, row))


def footer(view: View) -> Iterator[str]:
    if view.recovered_at and not view.outcome:
        yield f"[yellow]{view.app} has been healthy again[/] since {when(view.recovered_at)}: is a promotion still wanted?"
    if view.evidence_hash:
        until = f" until {when(view.decide_until)}, and then promotes nothing" if view.decide_until else ""
        yield f"[bold]waits for a decision[/]{until}"
        yield f"what you approve: evidence {view.evidence_hash}"
        if view.needed > 1 or view.approvals:
            who = escape(", ".join(view.approvals)) or "nobody yet"
            yield f"{len(view.approvals)} of {view.needed} people approved it: {who}"
        if view.would:
            yield "if it is promoted:"
            yield from (f"  {escape(line)}" for line in view.would)
        yield f"  relight approve {view.run_id}   {APPROVES.get(view.mode, '')}"
        yield f'  relight reject {view.run_id} --reason "…"   nothing is promoted; the runner is torn down'
    if view.serving:
        yield f"the runner is production; when the primary is back: relight failback {view.run_id}"
    if view.outcome:
        yield from conclusion(view)


def conclusion(view: View) -> Iterator[str]:
    yield f"{toned(view.outcome or '')}: {escape(view.summary or 'the run has ended')}"
    yield control(view) if view.negative_control else f"next: {following(view)}"
    if view.report_uri:
        yield f"report: {view.report_uri}; a copy of all evidence: relight evidence fetch {view.run_id}"


def following(view: View) -> str:
    if not view.report_uri:
        return UNREPORTED
    if view.asked_again:
        return f"its decision was asked for again: relight status {view.asked_again}"
    if view.ask_until:
        until = when(view.ask_until)
        return f"until {until} its runner is held: relight request {view.run_id} asks again, without restoring"
    if view.cycle_unseen:
        return "look whether the primary publishes when it is due: relight check"
    if view.outcome == "Held":
        ends = f"; it ends by itself at {when(view.runner_ends)}" if view.runner_ends else ""
        return f"relight restore, relight validate, or relight destroy --yes on the runner it left{ends}"
    return NEXT.get(view.outcome or "", f"relight status {view.run_id}")


def control(view: View) -> str:
    """What a negative control has shown: its run must fail, and by a check."""
    saw = [check.validator for check in view.checks if check.verdict == "FAILED"]
    if saw:
        return f"negative control [green]as it should be[/]: the damage was seen by {', '.join(saw)}; next: nothing"
    return "negative control [red]useless[/]: no check saw the damage; next: give the app a validator that reads its data"


def ending(page: Console, view: View) -> None:
    """The last words after following a run."""
    if view.outcome:
        lines = conclusion(view)
    else:
        goes_on = "waits for you" if view.waits_for else "goes on by itself"
        lines = iter([f"[yellow]not over yet[/]: the run is in {view.phase} and {goes_on}", *footer(view)])
    for line in lines:
        page.print(line)


def story(view: View) -> Iterator[tuple[str, str]]:
    """What has happened, as (key, line): a line is told once, when its key is new."""
    for row in view.phases:
        begun = f"[dim]{clock(row.started_at)}[/]  {row.phase:<9} begins: {doing(view, row.phase)}"
        yield f"{row.phase} {row.attempt} begins", begun
        if row.phase == "launch" and view.runner:
            yield (
                f"runner {view.runner}",
                f"          runner {view.runner} is on its way; its own timer ends it if all else fails",
            )
        if row.phase == "plan":
            yield from ((f"passed {one}", f"          [yellow]passed over[/] {escape(one)}") for one in view.passed_over)
        if row.phase == "validate":
            yield from ((f"check {check.validator}", verdict(check)) for check in view.checks)
            if row.status == "done" and not view.checks and not view.outcome:
                return  # the verdicts arrive a moment after the phase's end, and are told before it
        if row.ended_at:
            if row is view.phases[-1] and row.phase in TOLD and not outcome_of(view, row) and not view.outcome:
                return  # what it did is on record a moment after its end
            said = escape(textwrap.shorten(outcome_of(view, row), SUMMARY, placeholder=" …"))
            line = f"[dim]{clock(row.ended_at)}[/]  {row.phase:<9} {toned(row.status)} after {whole(row.seconds)}  {said}"
            yield f"{row.phase} {row.attempt} ended", line.rstrip()


def verdict(check: CheckRow) -> str:
    detail = escape(textwrap.shorten(check.detail, SUMMARY, placeholder=" …"))
    return f"          {toned(check.verdict)}  {check.validator}  [dim]{duration(check.seconds)}[/]  {detail}"


def clock(stamp: str) -> str:
    """``2026-11-23T03:00:07Z`` as ``03:00:07``."""
    return stamp[11:19]


def proof(view: View) -> Iterator[str]:
    """What a person should look at before deciding."""
    passed = [check for check in view.checks if check.verdict == "PASSED"]
    yield f"{len(passed)} of {len(view.checks)} checks passed: {', '.join(check.validator for check in passed) or 'none'}"
    yield from (f"an older backup was taken: passed over {escape(one)}" for one in view.passed_over)
    yield f"an approval covers evidence {view.evidence_hash}"
