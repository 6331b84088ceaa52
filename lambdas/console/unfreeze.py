"""A failback that is given up before anything was handed back: the frozen site goes on, as production."""

from typing import Any

from lambdas.console import failback
from lambdas.console.decisions import alive
from lambdas.console.desk import Call, Desk
from lambdas.console.serving import Serving
from relight.adapters.table import Asked
from relight.errors import NothingToDecide, PrimaryNotReady
from relight.model import Run, now
from relight.records import replace

GIVEN_UP = "the freeze was given up and the app stopped there; production has gone on since"


def ask(desk: Desk, call: Call) -> dict[str, Any]:
    """Body {"stopped"?}: what the operator's machine stopped on the primary. Idempotent; where nothing is frozen it changes
    nothing. Raises NothingToDecide once production is being handed back, PrimaryNotReady while the app runs on the primary.
    """
    call.only("stopped")
    run, token, found = failback.production(desk, call)
    before = desk.table.failback(run.run_id)
    if before and (not before.unfreeze or failed(found)):
        refuse(desk, run, token, before, found, call.text("stopped"))
        asked = Asked(by=call.caller, at=now(), attempt=before.attempt + 1, hold=True, unfreeze=True)
        desk.table.ask_failback(run.run_id, asked)
        desk.table.put_task(found.runner.principal, failback.task(token, asked))
        if restored := desk.table.restored(run.run_id):
            desk.table.note_restored(run.run_id, replace(restored, done=False, detail=GIVEN_UP, verdict=None))
    return failback.shown(desk, run, found) | {"confirmed": before is not None}


def failed(found: Serving) -> bool:
    return any(not step.done for step in (found.vitals.failback if found.vitals else ()))


def refuse(desk: Desk, run: Run, token: str, before: Asked, found: Serving, stopped: str) -> None:
    """Two sites must never write at once."""
    if not alive(desk, run, found.runner.instance_id):
        raise NothingToDecide(f"runner {found.runner.instance_id}", "is gone", "nothing of it can be un-frozen")
    if not before.hold and failback.at_work(desk, token, before, found):
        raise NothingToDecide(
            f"run {run.run_id}",
            "is handing production back already: its runner may answer at any moment",
            f"see how it ends: relight status {run.run_id}; a step that stops can be un-frozen then",
        )
    restored = desk.table.restored(run.run_id)
    if restored and not stopped:
        raise PrimaryNotReady(
            "the primary",
            f"has the app from backup {restored.target}, and may run it: two sites would write",
            f"have it stopped there first: relight failback {run.run_id} --unfreeze --primary FILE",
        )
