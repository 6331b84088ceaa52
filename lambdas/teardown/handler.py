"""Teardown: whatever happened, undo what is half done, end the run's runners, and give the lease back."""

from dataclasses import dataclass, field
from typing import Any

from lambdas.teardown.keep import keeps, serving, undecided
from relight.adapters.compute import Compute, Instance
from relight.adapters.table import Lease
from relight.errors import LeaseLost, RunnerStillThere
from relight.evidence.step import Step, log, step
from relight.model import ActionResult, Cleared, Phase, Runner, Tag
from relight.production import SERVING, live_for
from relight.promotion.acting import undo
from relight.promotion.kind import Scene
from relight.times import from_epoch

LAST_TRY = 3  # tries that may be had again for what AWS could not do just now; then it is told, and the runner must go


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
        """The actions of a promotion that did not complete. What somebody else changed stays, and is reported."""
        now = self.now
        scene = Scene(store=now.store, table=now.table, run=now.run, runner=now.maybe("launch", Runner))
        undone = undo(scene, last_try=now.attempt >= LAST_TRY)
        now.table.end_production(now.run)
        return undone

    def _keep_production(self, left: tuple[str, ...]) -> Cleared:
        """Also without the app's lease, or when Serve could not say it: what pointers lead to must not end by itself."""
        now, lease = self.now, self.now.table.lease(self.now.run.app)
        try:
            if lease and lease.run_id == now.run.run_id and lease.promoted:
                now.table.update_lease(now.run, held=True)
            else:
                live_for(now, self.compute, now.given("launch", Runner), SERVING, held=True, promoted=True)
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
