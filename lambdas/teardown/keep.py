"""Whether the runner outlives the run: because a person asked for it, or because it is production.

It goes by what there is, not by what it says: an answer that does not make sense must not keep a runner alive.
"""

import time
from contextlib import suppress

from relight.errors import RequestInvalid
from relight.evidence.step import Step
from relight.model import Outcome, Phase, PlanRef, Run, Runner
from relight.times import epoch

SHORTEST = 60  # seconds: nobody could ask again in less


def keeps(now: Step) -> bool:
    """Whether a person asked to hold it."""
    if now.run.start_at == Phase.TEARDOWN:
        return False
    failed = now.payload.get("failure") is not None
    validated = now.payload.get("validation") is not None
    return not failed and asked(now.run, now.payload.get("outcome"), validated)


def serving(now: Step) -> bool:
    """Whether it was promoted and not handed back: production, until somebody says otherwise."""
    return now.payload.get("promotion") is not None and now.payload.get("handback") is None


def undecided(now: Step) -> int:
    """Seconds to hold a runner on which nobody decided: as long as the app says, never past its own expiry. 0: end it."""
    if now.payload.get("outcome") != Outcome.EXPIRED or now.payload.get("failure") is not None:
        return 0
    with suppress(RequestInvalid, ValueError):
        plan, runner = now.given("plan", PlanRef), now.given("launch", Runner)
        seconds = min(plan.deadlines.hold, epoch(runner.expires_at) - int(time.time()))
        return seconds if seconds >= SHORTEST else 0
    return 0


def asked(run: Run, outcome: str | None, validated: bool) -> bool:
    """A hold that was asked for also holds after a failed validation: that is when a person wants to look."""
    if outcome == Outcome.HELD:
        return True
    return outcome == Outcome.FAILED and validated and (run.stop_after == Phase.VALIDATE or not run.teardown)
