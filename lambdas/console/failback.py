"""Failback: shows where it stands and what stands in its way; confirmed, it has the runner frozen and backed up for the last
time, and that ends Serve. Asked again it goes on where it stopped, and changes nothing twice."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.console import onto
from lambdas.console.decisions import alive
from lambdas.console.desk import Call, Desk
from lambdas.console.serving import Serving, serving
from lambdas.console.serving import shown as serving_shown
from lambdas.console.steps import Facts, table
from relight.adapters import parameters
from relight.adapters.s3 import S3
from relight.adapters.table import Asked
from relight.config import App
from relight.divergence import blocking, published
from relight.errors import Diverged, NothingToDecide, RelightError, RequestInvalid, TaskGone
from relight.model import ActionResult, Frozen, Phase, Run, Task, encode, now, timestamp
from relight.records import replace

SECONDS = 4 * 3600  # the agent's own deadline for freeze and last backup; Serve itself waits longer
HEARTBEAT = 60
LONGEST_CYCLE = 600
FIELDS = ("confirm", "hold", "cycle", "primary", "restored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``confirm``: not only a look. ``hold``: stop before anything is handed back. ``cycle``: seconds to wait for one.

    ``primary``: what the operator saw of it; ``restored``: the backup that they restored onto it by means of their own.
    """

    confirm: bool
    hold: bool
    cycle: int
    primary: str
    restored: str


def ask(desk: Desk, call: Call) -> dict[str, Any]:
    """Body: see ``Wanted``; empty, it is a dry run.

    Raises NothingToDecide, RequestInvalid; PrimaryNotReady and Diverged, nothing frozen.
    """
    wanted = wish(call)
    run, token, found = production(desk, call)
    living = alive(desk, run, found.runner.instance_id)
    if wanted.confirm:
        if gone := blocking(S3(), desk.table, run, parameters.app(run.app)):
            raise Diverged(
                f"failback of {run.app}: {'; '.join(gone)}; nothing was frozen; reconcile the two, then ask again"
            )
        onto.settled(desk, run, call.caller, wanted.restored, wanted.hold)
        (confirmed if living else ended)(desk, run, token, found, call.caller, wanted)
    return shown(desk, run, found, wanted.primary) | {"confirmed": wanted.confirm}


def shown(desk: Desk, run: Run, found: Serving, primary: str = "") -> dict[str, Any]:
    """Where it stands, and what stands in its way. ``primary``: what the operator's machine saw of it just now."""
    app, store = parameters.app(run.app), S3()
    facts = Facts(
        alive=alive(desk, run, found.runner.instance_id),
        divergence=tuple(blocking(store, desk.table, run, app)),
        asked=desk.table.failback(run.run_id),
        vitals=found.vitals,
        primary=primary,
        restored=desk.table.restored(run.run_id),
    )
    answer = {"run_id": run.run_id, "runner": found.runner.instance_id, "alive": facts.alive, "steps": table(facts)}
    answer |= {"divergence": list(facts.divergence), "published": here(desk, store, app, run)}
    return answer | {"serving": serving_shown(desk, run), "restored": encode(facts.restored)}


def hand_back(desk: Desk, call: Call) -> dict[str, Any]:
    """As a page's form asks for it, below the table of steps. Raises RequestInvalid where nobody looked at the primary."""
    if not call.text("primary"):
        raise RequestInvalid("primary", "is not said", "look at it first, and say how it is: that stands in the report")
    return ask(desk, replace(call, body={**call.body, "confirm": True}))


def wish(call: Call) -> Wanted:
    """Raises RequestInvalid."""
    call.only(*FIELDS)
    flags = {name: call.body.get(name, False) for name in ("confirm", "hold")}
    cycle = call.body.get("cycle", 0)
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise RequestInvalid(name, "is neither true nor false", "send true or false")
    if isinstance(cycle, bool) or not isinstance(cycle, int) or not 0 <= cycle <= LONGEST_CYCLE:
        raise RequestInvalid("cycle", "is no number of seconds that Failback may wait", f"send 0 to {LONGEST_CYCLE}")
    return Wanted(**flags, cycle=cycle, primary=call.text("primary")[:500], restored=call.text("restored")[:200])


def production(desk: Desk, call: Call) -> tuple[Run, str, Serving]:
    """The run, Serve's token, and its runner. Raises RunNotFound, NothingToDecide."""
    run, record = desk.run(call.run_id)
    token, found = desk.table.tokens(run.run_id).get(Phase.SERVE), serving(desk, run)
    if token is None or found is None or record.get("status") == "ended":
        raise NothingToDecide(f"run {run.run_id}", "is not serving", "only a promoted run can fail back")
    return run, token, found


def confirmed(desk: Desk, run: Run, token: str, found: Serving, caller: str, wanted: Wanted) -> None:
    """Gives the agent its task; again only where the last one stopped, or was to hold and this one is not."""
    before = desk.table.failback(run.run_id)
    asked = Asked(
        by=caller, at=now(), attempt=before.attempt + 1 if before else 0, hold=wanted.hold, cycle=wanted.cycle,
        primary=wanted.primary or (before.primary if before else ""),
    )  # fmt: skip
    if before and at_work(desk, token, before, found):
        if before.unfreeze:
            raise NothingToDecide(f"run {run.run_id}", "is being un-frozen", "ask again when its step freeze is to do again")
        if wanted.hold or not before.hold:
            desk.table.ask_failback(run.run_id, replace(asked, attempt=before.attempt, hold=before.hold))
            return
    desk.table.ask_failback(run.run_id, asked)
    desk.table.put_task(found.runner.principal, task(token, asked, desk.table.restored(run.run_id)))


def at_work(desk: Desk, token: str, before: Asked, found: Serving) -> bool:
    """Whether the agent has not put its task down yet: no step stopped it, it was not to hold, its time is not over."""
    given = next((one for one in desk.table.mailbox(found.runner.principal).tasks if one.token == token), None)
    steps = found.vitals.failback if found.vitals else ()
    stopped = any(not step.done for step in steps) or (before.hold and len(steps) > 1)
    done = not steps if before.unfreeze else stopped
    return given is not None and not done and given.deadline_at >= now()


def ended(desk: Desk, run: Run, token: str, found: Serving, caller: str, wanted: Wanted) -> None:
    """A runner that has died writes nothing more, and answers nothing: Serve is ended for it, and the pointers go back."""
    detail = f"runner {found.runner.instance_id} is gone: it writes nothing more"
    taken = found.vitals.taken if found.vitals else None
    restored = desk.table.restored(run.run_id)
    frozen = Frozen(
        requested_by=caller, frozen=True, detail=detail, at=now(), taken=taken, cycle=wanted.cycle,
        steps=(restored,) if restored else (),
    )  # fmt: skip
    with suppress(TaskGone):  # an earlier request did it
        desk.workflow.succeed(token, frozen)


def task(token: str, asked: Asked, restored: ActionResult | None = None) -> Task:
    """What the agent is to do. ``restored``: what is known of the backup on the primary, for its answer."""
    given = datetime.now(UTC)
    inputs = {"action": "unfreeze" if asked.unfreeze else "freeze", "requested_by": asked.by, "cycle": asked.cycle}
    return Task(
        phase=Phase.SERVE.value,
        token=token,
        attempt=asked.attempt,
        deadline_at=timestamp(given + timedelta(seconds=SECONDS)),
        heartbeat_seconds=HEARTBEAT,
        given_at=timestamp(given),
        inputs=inputs | {"hold": asked.hold, "primary": asked.primary, "restored": encode(restored)},
    )


def here(desk: Desk, store: S3, app: App, run: Run) -> list[str]:
    """What was published since the promotion; that it cannot be read is said, and stops nothing."""
    watched = desk.table.watched(run.run_id)
    try:
        return published(store, app, timestamp(datetime.fromtimestamp(watched.began_at, UTC))) if watched else []
    except RelightError as error:
        return [f"cannot be read: {error}"]
