"""A month of drills in virtual time: Scheduler's event, the gate, the catalog's hourly round, the alarm on its metric.

One Monday's drill is skipped, because an incident has the app; another one's fails. Nobody is told by the drill itself.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from lambdas.arrive.events import parse
from lambdas.arrive.gate import Gate
from lambdas.catalog import rehearsals
from lambdas.catalog.rehearsals import Rehearsals
from relight.adapters.table import Lease
from relight.config import App, Drill
from relight.drills import version
from relight.model import Mode, PassedDrill, timestamp
from relight.records import replace
from tests.handlers.door import MACHINE, Machine, Told
from tests.health.month import APP, Alarm, Records

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
FIRST = datetime(2026, 10, 19, 2, tzinfo=UTC)  # Monday, 04:00 in Berlin; the clocks go back on the 25th
MONDAYS = [FIRST, *(FIRST + HOUR + n * WEEK for n in range(1, 5))]
SHOP = replace(APP, drill=Drill(cron="0 4 * * 1", zone="Europe/Berlin"))


EMITTED: dict[str, int] = {}


BEFORE = PassedDrill(run_id="the-week-before", began_at=timestamp(FIRST - WEEK), version=version(SHOP))


@dataclass
class Month:
    """``said``: what the gate answered each Monday. ``on``: the hours in which the alarm on overdue drills was on;
    ``risky``: the one on an armed app that is unproven. ``changed``: from then on the app's configuration is another one."""

    skipped: datetime | None = None
    failed: datetime | None = None
    now: datetime = FIRST
    records: Records = field(default_factory=Records)
    machine: Machine = field(default_factory=Machine)
    passed: PassedDrill = BEFORE
    said: list[str] = field(default_factory=list)
    on: list[datetime] = field(default_factory=list)
    armed: bool = True
    changed: datetime | None = None
    risky: list[datetime] = field(default_factory=list)

    def app(self, at: datetime) -> App:
        return replace(SHOP, rto=SHOP.rto + 1) if self.changed and at >= self.changed else SHOP

    def drill(self, app: str) -> PassedDrill:
        return self.passed

    def play(self) -> "Month":
        alarm, unproven = Alarm(1, 1), Alarm(1, 1)
        for hour in range(5 * 7 * 24):
            self.now = FIRST + hour * HOUR
            if self.now in MONDAYS:
                self._due()
            Rehearsals(self.app(self.now), self, lambda: self.armed, lambda: self.now).tell()  # type: ignore[arg-type]
            alarm.sees(bool(EMITTED["DrillOverdue"]), self.now)
            unproven.sees(bool(EMITTED["ArmedUnproven"]), self.now)
            self.on += [self.now] if alarm.state.state == "ALARM" else []
            self.risky += [self.now] if unproven.state.state == "ALARM" else []
            self._end()
        return self

    def _due(self) -> None:
        until = int((self.now + HOUR).timestamp())
        if self.now == self.skipped:
            self.records.held = Lease(app=SHOP.name, run_id="shop-incident-1", mode=Mode.INCIDENT, expires_at=until)
            self.machine.start("shop-incident-1", None)  # type: ignore[arg-type]
        gate = Gate(
            deployment="relight", machine=MACHINE, arrivals=self.records, table=self.records,  # type: ignore[arg-type]
            workflow=self.machine, teller=Told(),  # type: ignore[arg-type]
            alarm=lambda _: None, clock=lambda: self.now,
        )  # fmt: skip
        for _ in range(2):  # at least once
            fired = gate.receive(parse({"trigger": "drill", "app": SHOP.name, "at": timestamp(self.now)}, "relight"))
        self.said.append(fired.said)

    def _end(self) -> None:
        """What ran is over within the hour; a drill that passed is noted as Report does."""
        for run_id in set(self.machine.runs) - self.machine.over:
            self.machine.over.add(run_id)
            began = next((at for at in MONDAYS if run_id.endswith(f"{at:%Y%m%dt%H%M%S}")), None)
            if began and began != self.failed:
                self.passed = PassedDrill(run_id=run_id, began_at=timestamp(began), version=version(self.app(began)))


@pytest.fixture(autouse=True)
def metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsals, "emit", lambda name, value, **_: EMITTED.update({name: value}))


def overdue(since: datetime, until: datetime) -> list[datetime]:
    """From the drill's grace to the hour after the next that passed began."""
    hours = int((until - since) / HOUR)
    return [since + n * HOUR for n in range(3, hours + 1)]


def test_a_month_in_which_all_pass_raises_nothing() -> None:
    month = Month().play()
    assert month.on == []
    assert month.said == [f"started run shop-drill-{at:%Y%m%dt%H%M%S}" for at in MONDAYS]


def test_a_skipped_drill_raises_the_alarm_until_the_next_one_passes() -> None:
    month = Month(skipped=MONDAYS[2]).play()
    assert month.said[2] == "skipped: run shop-incident-1 (incident) has the app"
    assert month.on == overdue(MONDAYS[2], MONDAYS[3])


def test_so_does_one_that_fails_and_the_last_of_the_month_is_not_forgotten() -> None:
    assert Month(failed=MONDAYS[1]).play().on == overdue(MONDAYS[1], MONDAYS[2])
    last = Month(skipped=MONDAYS[4]).play()
    assert last.on[0] == MONDAYS[4] + 3 * HOUR and last.on[-1] == last.now


def test_an_armed_app_whose_configuration_changed_is_told_until_a_drill_has_passed_on_it() -> None:
    tuesday = MONDAYS[1] + 30 * HOUR
    hours = int((MONDAYS[2] - tuesday) / HOUR) + 1
    assert Month(changed=tuesday).play().risky == [tuesday + n * HOUR for n in range(hours)]
    assert Month(changed=tuesday, armed=False).play().risky == []
