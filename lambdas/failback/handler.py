"""Failback: verifies that only the frozen site published since the promotion, then hands the pointers back."""

from contextlib import suppress
from typing import Any

from relight import pointers
from relight.adapters.compute import Compute
from relight.adapters.notes import Notes
from relight.adapters.table import PointerMove
from relight.errors import Diverged, LeaseLost
from relight.evidence.step import Step, step
from relight.model import ActionResult, Frozen, HandBack, Phase, Runner
from relight.production import HANDED_BACK, live_for
from relight.promotion.acting import undo
from relight.promotion.kind import Scene

LAST_TRY = 3


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.FAILBACK, event) as now:
        if found := divergence(now, now.given("frozen", Frozen)):
            raise Diverged(
                f"failback of {now.run.app}: {'; '.join(found)}; the runner stays, as production, until its expiry; "
                "reconcile the two, then give it up with relight destroy"
            )
        actions = tuple(hand_back(now, move) for move in now.table.pointers(now.run.run_id))
        actions += give_back(now)
        with suppress(LeaseLost):  # another run has the app: this one's runner is still production no more
            live_for(now, Compute(), now.given("launch", Runner), HANDED_BACK, promoted=False)
        return now.answer(HandBack(actions=actions))


def hand_back(now: Step, move: PointerMove) -> ActionResult:
    now.table.note_returning(now.run.run_id, move)
    return pointers.move_back(now.store, now.run, move)


def give_back(now: Step) -> tuple[ActionResult, ...]:
    """All else that the promotion did, in reverse; at last the old primary may act again. What does not go back is told."""
    notes = Notes(now.settings.table)
    scene = Scene(store=now.store, table=now.table, notes=notes, run=now.run, runner=now.maybe("launch", Runner))
    undone = undo(scene, last_try=now.attempt >= LAST_TRY, without=("pointer",))
    notes.end_production(now.run)
    return undone


def divergence(now: Step, frozen: Frozen) -> list[str]:
    """Why handing back would lose something, in words."""
    found = [] if frozen.frozen else [f"the promoted site could not be frozen ({frozen.detail})"]
    return found + [one for move in now.table.pointers(now.run.run_id) if (one := _moved(now, move))]


def _moved(now: Step, move: PointerMove) -> str | None:
    if pointers.ours(now.store, move) or (move.returning and pointers.handed_back(now.store, now.run, move)):
        return None
    return f"{move.uri} was moved by somebody else"
