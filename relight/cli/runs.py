"""Watch runs and decide: ``runs``, ``status``, ``approve``, ``reject``, ``request``."""

import time
from typing import Annotated, Any

import typer

from relight.cli import exits, pages
from relight.cli.follow import Follower
from relight.cli.output import toned
from relight.cli.session import AppOption, Session
from relight.errors import AlreadyDecided, ApprovalExpired, NothingToDecide, RequestInvalid, RunNotFound
from relight.formats import is_run_id
from relight.view import View, read


def run_id_of(given: str | None) -> str | None:
    """Raises RunNotFound for what can be no run's id; an empty one is refused as every empty value is."""
    if given and not is_run_id(given):
        raise RunNotFound(f"run {given!r}", "can be no run's id", "relight runs lists them")
    return given


RunId = Annotated[
    str, typer.Argument(help="The run's id, as relight runs shows it.", show_default=False, callback=run_id_of)
]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until the run ends, showing each phase.")]
TimeoutOption = Annotated[int, typer.Option(min=1, help="Seconds to wait before exit status 3.")]


def runs(
    session: Session,
    app: AppOption = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
) -> None:
    """Lists the app's runs, latest first.

    \b
    Examples:
      relight runs
      relight runs --app shop -o json
    """
    chosen = session.app(app).name
    found = session.console.runs(chosen)[:limit]
    session.output.show({"app": chosen, "runs": found}, lambda page: pages.runs(page, chosen, found))


def status(
    session: Session,
    run_id: Annotated[
        str | None, typer.Argument(help="The run's id; the app's latest when left out.", callback=run_id_of)
    ] = None,
    app: AppOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 3600,
) -> int:
    """Shows one run: phases, verdicts, what it waits for.

    \b
    Examples:
      relight status
      relight status 2026-11-23-x1 --wait
      relight status RUN_ID -o json
    """
    chosen = run_id or latest(session, app)
    if wait:
        return show_to_the_end(session, chosen, timeout)
    view = read(session.console.run(chosen))
    session.output.show(view.raw, lambda page: pages.run(page, view))
    return exits.of_outcome(view.outcome) if view.outcome else exits.DONE


def approve(
    session: Session,
    run_id: RunId,
    evidence: Annotated[str | None, typer.Option(help="The evidence hash you have looked at; asked for by default.")] = None,
    break_glass: Annotated[str | None, typer.Option(help="Approve your own run, and why; the report will show it.")] = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 3600,
) -> int:
    """Approves a validated run.

    The approval is bound to the evidence the run shows at that moment. Where the app wants several people, the decision
    falls with the last one's approval.

    \b
    Examples:
      relight approve RUN_ID
      relight approve RUN_ID --evidence 9f2c… --wait
    """
    seen = evidence or waiting_evidence(session, run_id)
    body = {"evidence_hash": seen} | ({"break_glass": break_glass} if break_glass else {})
    return decided(session, run_id, "approve", body, wait, timeout)


def reject(
    session: Session,
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the evidence.", show_default=False)],
    wait: WaitOption = False,
    timeout: TimeoutOption = 3600,
) -> int:
    """Rejects a run: nothing is promoted.

    The runner is torn down and the run ends as Rejected.

    \b
    Examples:
      relight reject RUN_ID --reason "the primary is back"
    """
    return decided(session, run_id, "reject", {"reason": reason}, wait, timeout)


def request(
    session: Session,
    run_id: RunId,
    reason: Annotated[str | None, typer.Option(help="Why now; it is kept in the evidence.")] = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 3600,
) -> int:
    """Asks again for a decision that nobody took in time.

    While the expired run's runner is held, a new run takes it on, validates it again and asks; nothing is restored again.

    \b
    Examples:
      relight request RUN_ID
      relight request RUN_ID --reason "the approver is awake now" --wait
    """
    answer = session.console.decide(run_id, "request", {"reason": reason} if reason else {})
    again = str(answer["run_id"])
    session.output.says(f"{toned('done')}: run [bold]{again}[/] validates what is held and asks for the decision again")
    if wait:
        return show_to_the_end(session, again, timeout)
    session.output.show(answer, lambda page: page.print(f"watch it: relight status {again} --wait"))
    return exits.DONE


def decided(session: Session, run_id: str, decision: str, body: dict[str, str], wait: bool, timeout: int) -> int:
    answer = session.console.decide(run_id, decision, body)
    if missing := lacking(answer):
        session.output.says(f"{toned('done')}: your approval of run {run_id} is recorded; {missing}")
    else:
        session.output.says(f"{toned('done')}: {decision} of run {run_id} is recorded; the run goes on by itself")
    if wait:
        return show_to_the_end(session, run_id, timeout)
    session.output.show({"run_id": run_id, "decision": decision, **answer}, lambda page: None)
    return exits.DONE


def lacking(answer: dict[str, Any]) -> str:
    """What an approval still waits for; nothing where it is decided."""
    if answer.get("decision") or "needed" not in answer:
        return ""
    return f"{len(answer['approvals'])} of {answer['needed']} people approved; it waits for the others"


def show_to_the_end(session: Session, run_id: str, timeout: int) -> int:
    try:
        view = followed(session, run_id, timeout)
    except KeyboardInterrupt:
        session.output.says(f"run {run_id} goes on by itself; watch it again: relight status {run_id} --wait")
        raise
    session.output.show(view.raw, lambda page: pages.ending(page, view))
    return exits.of_control(view) if view.negative_control else exits.of_outcome(view.outcome)


def followed(session: Session, run_id: str, timeout: int) -> View:
    """The run's last view; when it begins to wait for a person, says so, with the commands that answer."""
    follower, asked = Follower(session.console, run_id, session.output), {""}
    deadline = time.monotonic() + timeout
    while True:
        view = follower.follow(max(0.0, deadline - time.monotonic()), lambda view: view.waits_for not in asked)
        if view.outcome or time.monotonic() >= deadline:
            return view
        asked.add(view.waits_for)
        for line in pages.footer(view):
            session.output.says(line)


def latest(session: Session, app: str | None) -> str:
    chosen = session.app(app).name
    found = session.console.runs(chosen)
    if not found:
        raise RequestInvalid(f"app {chosen}", "has no runs yet", "start one: relight drill")
    return str(found[0]["run_id"])


def waiting_evidence(session: Session, run_id: str) -> str:
    """What an approval is bound to. The API refuses it when the evidence has changed since."""
    view = read(session.console.run(run_id))
    approval = view.raw.get("approval") or {}
    if decision := approval.get("decision"):
        raise AlreadyDecided(
            f"run {run_id}",
            f"{decision['decided']} by {decision['approver']} at {decision['decided_at']}",
            f"nothing was changed; look at it: relight status {run_id}",
        )
    if approval.get("state") == "expired":
        raise ApprovalExpired(
            f"run {run_id}",
            f"its approval window closed at {approval['expires_at']}",
            f"ask for it again: relight request {run_id}",
        )
    if not view.evidence_hash:
        state = f"ended as {view.outcome}" if view.outcome else f"is in phase {view.phase or 'detect'}"
        raise NothingToDecide(f"run {run_id}", f"{state} and waits for no approval", f"look at it: relight status {run_id}")
    return view.evidence_hash
