"""Whose an app's incident is: an alarm and a person take it the same way, and only who has it starts a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from relight.adapters.arrivals import Arrivals
from relight.adapters.workflow import Workflow
from relight.errors import AwsRefused, RelightError

STARTING = 60  # seconds that a claim counts although its run is not there yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidents:
    """``machine``: the state machine's ARN; ``clock``: epoch seconds. ``died``: the run whose runner died as production: it
    goes on, and is at nothing any more."""

    arrivals: Arrivals
    workflow: Workflow
    machine: str
    clock: Callable[[], float]
    died: str = ""

    def claim(self, app: str, run_id: str) -> str | None:
        """The app's incident becomes ``run_id``'s, by compare-and-swap: None; or the run that has it and goes on.

        Repeating it with the same run id changes nothing.
        """
        now = int(self.clock())
        other = self.arrivals.claim_incident(app, run_id, now)
        if other is None:
            return None
        if other.run_id != self.died and not self.over(other.run_id, missing=now - other.claimed_at >= STARTING):
            return other.run_id
        lost = self.arrivals.claim_incident(app, run_id, now, instead_of=other.run_id)
        return lost.run_id if lost else None

    @contextmanager
    def starting(self, app: str, run_id: str) -> Iterator[None]:
        """A run that could not be started holds up no other; one that was started all the same is there to be seen."""
        try:
            yield
        except RelightError:
            self.arrivals.free_incident(app, run_id)
            raise

    def over(self, run_id: str, missing: bool = True) -> bool:
        """``missing``: the answer for an execution that is not there (yet)."""
        try:
            return self.workflow.describe(f"{self.machine.replace(':stateMachine:', ':execution:')}:{run_id}").over
        except AwsRefused:
            return missing
