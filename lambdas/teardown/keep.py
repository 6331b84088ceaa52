"""Whether the runner outlives the run: because a person asked for it, or because it is production.

It goes by what there is, not by what it says: an answer that does not make sense must not keep a runner alive.
"""

from relight.evidence.step import Step
from relight.model import Outcome, Phase, Run


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


def asked(run: Run, outcome: str | None, validated: bool) -> bool:
    """A hold that was asked for also holds after a failed validation: that is when a person wants to look."""
    if outcome == Outcome.HELD:
        return True
    return outcome == Outcome.FAILED and validated and (run.stop_after == Phase.VALIDATE or not run.teardown)
