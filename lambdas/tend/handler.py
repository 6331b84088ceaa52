"""Tend: looks after a runner that is production. It renews its lease, gives it keys for its backups, and says when it is not
well. It ends nothing: what nobody renews ends itself."""

import time
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from lambdas.tend.judge import RENEWED, Sight, State, alarming, follow, judge, news
from lambdas.tend.message import KINDS, facts
from relight.adapters import parameters
from relight.adapters.compute import Compute
from relight.adapters.metrics import emit
from relight.adapters.table import Lease, Table, Watched
from relight.config import App
from relight.errors import LeaseLost, RelightError, RequestInvalid
from relight.model import Run, Runner, Tag, decode
from relight.production import SERVING, hand_keys, live_for
from relight.records import replace
from relight.settings import FunctionSettings, function_settings
from relight.telling import About, Teller

EARLY = 3600  # seconds of its lease that may pass before it is renewed
log = Logger()


def handler(event: dict[str, Any], context: object) -> Any:
    """Event: {"app": name}. What it raises, Lambda tries again and then keeps among the dead letters; leases outlast it."""
    if not event.get("app"):
        raise RequestInvalid("tend", "the event names no app", 'send {"app": name}, as its schedules do')
    settings = function_settings()
    app, table = parameters.app(str(event["app"])), Table(settings.table)
    lease = table.lease(app.name)
    record = table.run(lease.run_id) if lease and lease.promoted else None
    if lease is None or lease.runner is None or record is None:
        emit("ProductionUnwell", 0, app=app.name)
        return {app.name: "not promoted"}
    state = Tending(settings, app, decode(record["run"], Run), lease, lease.runner, table).tend()
    return {app.name: state.value}


@dataclass(frozen=True, slots=True)
class Tending:
    settings: FunctionSettings
    app: App
    run: Run
    lease: Lease
    runner: Runner
    table: Table
    compute: Compute = field(default_factory=Compute)
    at: int = field(default_factory=lambda: int(time.time()))

    def tend(self) -> State:
        """Raises what AWS refused, once all that could be done was done."""
        before = self.table.watched(self.run.run_id) or Watched(began_at=self.at, state=State.WELL, since=self.at)
        vitals = self.table.vitals(self.runner.principal)
        seen = Sight(live=self._live(), vitals=vitals, began_at=before.began_at, rpo=self.app.rpo)
        state, said = judge(seen, self.at)
        refused = self._keep(state)
        after = follow(before, state, self.at)
        emit("ProductionUnwell", int(alarming(after, self.at)), app=self.app.name)
        log.info("tended", extra={"app": self.app.name, "run_id": self.run.run_id, "state": state.value, "said": said})
        if news(after, self.at):
            known = facts(said, self.lease, vitals, self.app.rpo, self.at)
            Teller(deployment=self.settings).send(KINDS[state], About(run=self.run), **known)
            after = replace(after, told=state.value, told_at=self.at)
        self.table.watch(self.run.run_id, after)
        if refused:
            raise refused
        return state

    def _live(self) -> bool:
        found = self.compute.find({Tag.NAME: self.settings.name, Tag.RUN: self.run.run_id})
        return any(one.instance_id == self.runner.instance_id and one.live for one in found)

    def _keep(self, state: State) -> RelightError | None:
        """The lease before the keys: that one is refused does not spare the other, nor the alarm."""
        if state not in RENEWED:
            return None
        refused: RelightError | None = None
        for does in (self._renew, self._hand_keys):
            try:
                does()
            except RelightError as error:
                refused = refused or error
        return refused

    def _renew(self) -> None:
        if self.lease.expires_at - self.at > SERVING - EARLY:
            return
        try:
            live_for(self, self.compute, self.runner, SERVING)
        except LeaseLost as error:  # another run took the app between two lines: the runner is its matter now
            log.error("not renewed", extra={"error": str(error)})

    def _hand_keys(self) -> None:
        hand_keys(self, self.settings.keeper_role, self.app, self.runner)
