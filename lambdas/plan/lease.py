"""Who may act for the app: one run at a time. An incident goes before a drill; a held runner is taken on by name."""

import time
from contextlib import suppress
from dataclasses import dataclass

from relight.adapters.compute import Compute
from relight.adapters.table import Lease, Table
from relight.adapters.workflow import Workflow
from relight.errors import DrillYielding, LeaseHeld, NothingHeld, RelightError, TaskGone
from relight.model import Mode, Phase, Run, Tag
from relight.settings import function_settings

YIELD_SECONDS = 60  # a drill that has not given way by then is stuck or dead; its lease is taken, so it may no longer act


@dataclass(frozen=True, slots=True)
class Claim:
    """``until``: epoch seconds."""

    table: Table
    workflow: Workflow
    run: Run
    until: int

    def take(self) -> None:
        """The app's lease becomes the run's. Raises LeaseHeld, and DrillYielding while a drill is asked to give way."""
        other = self.table.take_lease(self.run, self.until)
        if other is None:
            return
        if self._over(other) or (other.undecided and self.run.mode == Mode.INCIDENT):
            self._instead_of(other)
            return
        if self._died(other):
            self._instead_of(other)
            self._end_serving(other)
            return
        if self.run.mode != Mode.INCIDENT or other.mode != Mode.DRILL:
            raise LeaseHeld(f"lease of {self.run.app}: run {other.run_id} ({other.mode}) has it; {_then(other)}")
        if not other.held and not self._out_of_patience(other):
            self._preempt(other)
        self._instead_of(other)

    def _instead_of(self, other: Lease) -> None:
        if self.table.take_lease(self.run, self.until, instead_of=other) is not None:
            raise DrillYielding(f"lease of {self.run.app}: changed hands just now; looking again")

    def _over(self, other: Lease) -> bool:
        """Whether the holder's execution ended without giving its lease back: somebody stopped it, or it broke."""
        if other.held or other.promoted:
            return False
        machine, _, _ = self.run.execution_arn.rpartition(":")
        try:
            return self.workflow.describe(f"{machine}:{other.run_id}").over
        except RelightError:
            return False  # it cannot be said now: the lease says that it goes on

    def _died(self, other: Lease) -> bool:
        """Whether the holder is production whose runner EC2 shows no more: it is in no incident's way."""
        if self.run.mode != Mode.INCIDENT or not other.promoted or other.runner is None:
            return False
        try:
            found = Compute().find({Tag.NAME: function_settings().name, Tag.APP: self.run.app})
        except RelightError:
            return False  # it cannot be said now: the lease says that it lives
        return not any(one.instance_id == other.runner.instance_id and one.live for one in found)

    def _end_serving(self, other: Lease) -> None:
        """Its run ends as Failed, by its own Teardown and Report; pointers stay as they are, for this run to move."""
        if token := self.table.tokens(other.run_id).get(Phase.SERVE):
            with suppress(TaskGone):
                self.workflow.fail(token, "RunnerLost", f"its runner died; {self.run.run_id} recovers {self.run.app}")

    def adopt(self) -> Lease:
        """The held lease, with its runner, becomes the run's. Raises NothingHeld. Repeating it finds it adopted."""
        held = self.table.lease(self.run.app)
        if held is None or held.runner is None or not (held.held or held.run_id == self.run.run_id):
            raise NothingHeld(
                f"start_at {self.run.start_at}", f"no runner is being held for {self.run.app}", "start at launch instead"
            )
        if held.promoted and not (self.run.start_at == Phase.TEARDOWN and self.run.break_glass):
            raise LeaseHeld(
                f"lease of {self.run.app}: its runner is production; giving it up needs break_glass with a reason"
            )
        self._instead_of(held)
        return held

    def _out_of_patience(self, drill: Lease) -> bool:
        ours = drill.preempted_by == self.run.run_id and drill.preempted_at is not None
        return ours and time.time() - (drill.preempted_at or 0) > YIELD_SECONDS

    def _preempt(self, drill: Lease) -> None:
        self.table.ask_to_yield(drill, self.run.run_id)
        for token in self.table.tokens(drill.run_id).values():
            try:
                self.workflow.fail(token, "Preempted", f"incident {self.run.run_id} needs {self.run.app}")
            except TaskGone:
                continue  # the drill is past that task; it sees the mark on its lease at its next step
        raise DrillYielding(f"drill {drill.run_id} was asked to give way to {self.run.run_id}; waiting for its teardown")


def _then(other: Lease) -> str:
    if other.undecided:
        return f"nobody decided on it in time: relight request {other.run_id}, or give it up with relight destroy"
    if other.held:
        return "its runner is being held; use start_at, or give it up with relight destroy"
    return "wait for it to end: relight status shows it"
