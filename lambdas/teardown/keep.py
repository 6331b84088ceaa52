"""Whether the runner outlives the run: because a person asked for it, or because it is production."""

from relight.evidence.step import Step
from relight.model import HandBack, Outcome, Phase, Promotion, Run, Validation


def keeps(now: Step) -> bool:
    """True for a runner that is production and was not handed back, and for one that a person asked to hold."""
    if now.run.start_at == Phase.TEARDOWN:
        return False
    serving = now.maybe("promotion", Promotion) is not None and now.maybe("handback", HandBack) is None
    failed = now.payload.get("failure") is not None
    return serving or (not failed and asked(now.run, now.payload.get("outcome"), now.maybe("validation", Validation)))


def asked(run: Run, outcome: str | None, validation: Validation | None) -> bool:
    """A hold that was asked for also holds after a failed validation: that is when a person wants to look."""
    if outcome == Outcome.HELD:
        return True
    return outcome == Outcome.FAILED and validation is not None and (run.stop_after == Phase.VALIDATE or not run.teardown)
