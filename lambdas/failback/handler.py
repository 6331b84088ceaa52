"""Failback: verifies that only the frozen site published since the promotion, hands the pointers back, and looks whether the
primary works again."""

from contextlib import suppress
from typing import Any

from lambdas.failback import cycle
from relight.adapters import parameters
from relight.adapters.compute import Compute
from relight.config import App
from relight.divergence import blocking, published
from relight.errors import Diverged, LeaseLost, RelightError
from relight.evidence.step import Step, log, step
from relight.model import ActionResult, Check, Frozen, HandBack, Phase, Promotion, Runner, Verdict
from relight.production import HANDED_BACK, live_for
from relight.promotion.acting import hand_back
from relight.promotion.kind import Scene

LAST_TRY = 3


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.FAILBACK, event) as now:
        frozen, app = now.given("frozen", Frozen), deployed(now.run.app)
        if found := divergence(now, frozen, app):
            raise Diverged(
                f"failback of {now.run.app}: {'; '.join(found)}; the runner stays production, and its lease is renewed "
                "while it is heard of; reconcile the two, then give it up with relight destroy"
            )
        here = tuple(only_here(now, app))
        actions = back(now)
        with suppress(LeaseLost):  # another run has the app: this one's runner is still production no more
            live_for(now, Compute(), now.given("launch", Runner), HANDED_BACK, promoted=False)
        return now.answer(HandBack(actions=actions, divergence=here, cycle=seen(now, app, frozen.cycle)))


def deployed(name: str) -> App | None:
    """An app that is deployed no more is handed back all the same."""
    try:
        return parameters.app(name)
    except RelightError as error:
        log.error("the app's configuration cannot be read", extra={"error": str(error)})
        return None


def divergence(now: Step, frozen: Frozen, app: App | None) -> list[str]:
    """Why handing back would lose something, in words. A try that handed back before has nothing more to lose."""
    found = [] if frozen.frozen else [f"the promoted site could not be frozen ({frozen.detail})"]
    again = any(note.returning for note in now.table.notes(now.run.run_id))
    return found + blocking(now.store, now.table, now.run, app, None if again else frozen.at)


def only_here(now: Step, app: App | None) -> list[str]:
    """For the report; what cannot be read now does not keep production where it is."""
    promotion = now.maybe("promotion", Promotion)
    if app is None or promotion is None:
        return []
    try:
        return published(now.store, app, promotion.promoted_at)
    except RelightError as error:
        return [f"what was published here could not be read: {error}"]


def back(now: Step) -> tuple[ActionResult, ...]:
    """The pointers, and all else that the promotion did; at last the old primary may act again."""
    scene = Scene(store=now.store, table=now.table, run=now.run, runner=now.maybe("launch", Runner))
    actions = hand_back(scene, last_try=now.attempt >= LAST_TRY)
    now.table.end_production(now.run, handed_back=all(one.done for one in actions))
    return actions


def seen(now: Step, app: App | None, seconds: int) -> Check:
    """The pointers are back: whatever goes wrong here ends in a verdict that is not green, and in no error."""
    try:
        if app:
            return cycle.watch(app, now.store, seconds)
        why = "the app's configuration cannot be read"
    except RelightError as error:
        why = str(error)
    verdict = Verdict.COULD_NOT_VERIFY
    return Check(validator="one cycle of the primary", kind="cycle", verdict=verdict, detail=why, seconds=0.0)
