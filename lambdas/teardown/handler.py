"""Teardown: whatever happened, undo what is half done, end the run's runners, and give the lease back."""

from dataclasses import dataclass, field
from typing import Any

from lambdas.teardown.keep import keeps, serving, undecided
from relight import pointers
from relight.adapters.compute import Compute, Instance
from relight.adapters.table import Lease, PointerMove
from relight.errors import LeaseLost, PointerMoved, RunnerStillThere
from relight.evidence.step import Step, log, step
from relight.model import ActionResult, Cleared, Phase, PlanRef, Runner, Tag
from relight.production import live_for
from relight.times import from_epoch


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.TEARDOWN, event) as now:
        return now.answer(Teardown(now, Compute()).clear())


@dataclass(frozen=True, slots=True)
class Teardown:
    now: Step
    compute: Compute = field(repr=False)

    def clear(self) -> Cleared:
        """Raises RunnerStillThere while a terminated runner is not yet on its way out."""
        if serving(self.now) and (left := self._left()):
            return self._keep_production(left)
        undone = () if self.now.payload.get("promotion") else self._undo()
        if self._left() and (seconds := undecided(self.now)):
            return self._hold_undecided(seconds, undone)
        return self._hold(undone) if keeps(self.now) else self._end(undone)

    def _undo(self) -> tuple[ActionResult, ...]:
        """Pointers of a promotion that did not complete. One that somebody else moved stays, and is reported."""
        return tuple(self._move_back(move) for move in self.now.table.pointers(self.now.run.run_id))

    def _move_back(self, move: PointerMove) -> ActionResult:
        try:
            return pointers.move_back(self.now.store, self.now.run, move)
        except PointerMoved as error:
            return ActionResult(action=move.name, target=move.uri, done=False, detail=str(error))

    def _keep_production(self, left: tuple[str, ...]) -> Cleared:
        """Also without the app's lease, or when Serve could not say it: what pointers lead to must not end by itself."""
        now, lease = self.now, self.now.table.lease(self.now.run.app)
        try:
            if lease and lease.run_id == now.run.run_id and lease.promoted:
                now.table.update_lease(now.run, held=True)
            else:
                seconds = now.given("plan", PlanRef).deadlines.serve
                live_for(now, self.compute, now.given("launch", Runner), seconds, held=True, promoted=True)
        except LeaseLost as error:
            log.error("production is kept, and the app's lease is not this run's", extra={"error": str(error)})
        return Cleared(terminated=(), left=left, lease_released=False, held=True)

    def _left(self) -> tuple[str, ...]:
        return tuple(one.instance_id for one in self._runners() if one.live)

    def _hold(self, undone: tuple[ActionResult, ...]) -> Cleared:
        try:
            self.now.table.update_lease(self.now.run, held=True)
        except LeaseLost:
            return self._end(undone)  # another run has the app: nobody could take this runner on
        return Cleared(terminated=(), left=self._left(), lease_released=False, undone=undone, held=True)

    def _hold_undecided(self, seconds: int, undone: tuple[ActionResult, ...]) -> Cleared:
        """Until then somebody may ask again without restoring. Each guard ends it, and an incident goes before it."""
        runner = self.now.given("launch", Runner)
        try:
            until = live_for(self.now, self.compute, runner, seconds, held=True, undecided=True)
        except LeaseLost:
            return self._end(undone)
        held_until = from_epoch(until)
        return Cleared(
            terminated=(), left=self._left(), lease_released=False, undone=undone, held=True, held_until=held_until
        )

    def _end(self, undone: tuple[ActionResult, ...]) -> Cleared:
        going = [one.instance_id for one in self._runners()] + self._named_by_lease()
        self.compute.terminate(sorted(set(going)))
        if there := [one.instance_id for one in self._runners() if one.live]:
            raise RunnerStillThere(f"{', '.join(there)}: asked to terminate and still running; looking again shortly")
        for phase in self.now.table.tokens(self.now.run.run_id):
            self.now.table.drop_token(self.now.run.run_id, Phase(phase))
        released = self.now.table.release_lease(self.now.run)
        return Cleared(terminated=tuple(sorted(set(going))), left=(), lease_released=released, undone=undone)

    def _runners(self) -> list[Instance]:
        return self.compute.find({Tag.NAME: self.now.settings.name, Tag.RUN: self.now.run.run_id})

    def _named_by_lease(self) -> list[str]:
        """A held runner carries its first run's tag until it is retagged; the lease says whose it is now."""
        lease: Lease | None = self.now.table.lease(self.now.run.app)
        return [lease.runner.instance_id] if lease and lease.run_id == self.now.run.run_id and lease.runner else []
