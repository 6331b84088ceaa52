"""``lambda``: a function of the user's, asked to plan, do, verify and undo. Idempotency key: run id and action's name."""

from typing import Any

from relight.adapters import userfunction
from relight.adapters.notes import Note
from relight.errors import ActionFailed
from relight.model import Verdict
from relight.promoteconfig import PromoteAction
from relight.promotion.kind import Kind, Scene, Seen, Verified


class Function(Kind):
    essential, asks = True, False  # whoever may call it to plan may call it to do: Approve may not

    def plan(self, scene: Scene, action: PromoteAction) -> Seen:
        said = self._ask(scene, action, "plan")
        return Seen(target=f"function {action.function}", before="", after="done", told=said.detail or "is asked to do it")

    def do(self, scene: Scene, note: Note) -> str:
        self._ask(scene, note.action, "do")
        return ""

    def verify(self, scene: Scene, note: Note) -> Verified:
        said = userfunction.ask(note.action.function, _event(scene, note.action, "verify"))
        return (Verdict.PASSED if said.done else Verdict.FAILED), said.detail

    def undo(self, scene: Scene, note: Note) -> str:
        return self._ask(scene, note.action, "undo").detail or "undone"

    @staticmethod
    def _ask(scene: Scene, action: PromoteAction, what: str) -> userfunction.Said:
        said = userfunction.ask(action.function, _event(scene, action, what))
        if not said.done:
            raise ActionFailed(f"function {action.function}: {what}: {said.detail or 'not done'}; see its log")
        return said


def _event(scene: Scene, action: PromoteAction, what: str) -> dict[str, Any]:
    run, runner = scene.run, scene.runner
    about = {"run_id": run.run_id, "app": run.app, "mode": run.mode.value, "started_at": run.started_at}
    told = (
        {"instance_id": runner.instance_id, "instance_type": runner.instance_type, "zone": runner.zone} if runner else None
    )
    return {"action": what, "name": action.name, "key": f"{run.run_id}:{action.name}", "run": about, "runner": told}
