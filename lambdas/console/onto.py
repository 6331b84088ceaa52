"""The promoted site's backup on the primary: what the operator's own machine did there, and saw. No function of ours can."""

from typing import Any

from lambdas.console.desk import Call, Desk
from lambdas.console.serving import serving
from relight.errors import NothingToDecide, PrimaryNotReady, RequestInvalid
from relight.model import ActionResult, Run, Verdict, encode

ONTO = "restore onto the primary"
LONGEST = 1000


def note(desk: Desk, call: Call) -> dict[str, Any]:
    """Body {"backup", "done", "detail"}: how far ``relight failback --restore`` has come. Raises NothingToDecide,
    RequestInvalid."""
    call.only("backup", "done", "detail")
    run, _ = desk.run(call.run_id)
    if serving(desk, run) is None:
        raise NothingToDecide(f"run {run.run_id}", "is not serving", "only a promoted run has something to restore")
    done, backup = call.body.get("done"), call.text("backup")
    if not isinstance(done, bool) or not backup:
        raise RequestInvalid("backup, done", "say which backup, and whether it is there", "send a name, and true or false")
    verdict = Verdict.PASSED if done else None
    detail = f"{call.text('detail')}; by {call.caller}"[:LONGEST]
    step = ActionResult(action=ONTO, target=backup, done=done, detail=detail, verdict=verdict)
    desk.table.note_restored(run.run_id, step)
    return {"run_id": run.run_id, "restored": encode(step)}


def settled(desk: Desk, run: Run, caller: str, said: str, hold: bool) -> None:
    """Before anything goes back: a restore that began has ended. ``said``: the backup, where the operator did it by means
    of their own. Raises PrimaryNotReady."""
    if said:
        told = f"{caller} says so; Relight has not seen it"
        desk.table.note_restored(run.run_id, ActionResult(action=ONTO, target=said, done=True, detail=told))
    found = desk.table.restored(run.run_id)
    if found and not found.done and not hold:
        raise PrimaryNotReady(
            ONTO,
            f"backup {found.target} is not wholly there, or not any more ({found.detail}); nothing was handed back",
            f"go on with it: relight failback {run.run_id} --restore --primary FILE",
        )
