"""Thirty days in virtual time: every real outage starts exactly one recovery, and no healthy day starts any."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.arrive.events import Arrival
from lambdas.arrive.gate import Gate
from relight import health
from relight.adapters import signals
from relight.health import judge, look
from relight.model import Health
from tests.health import month
from tests.health.month import MINUTE, START, Life, Outage, Records, World, due_before

GRACE = 30  # minutes, of the pipeline's schedule
HOUR = 70  # minutes within which an event may come again
SOON = 8  # minutes within which an outage must have its run: N of M, and a watch where the event was lost


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (health, health.asked):
        monkeypatch.setattr(module.time, "sleep", lambda _: None)


def lived(world: World, days: int) -> Life:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signals, "http_status", world.status)
        return Life(world).play(days)


def eventful(seed: int, days: int, outages: int) -> World:
    """Outages of a day's distance at least, of the site or of the pipeline; flaps, S3's errors, a clock that is ahead."""
    chance = random.Random(seed)
    late = {due: chance.choice([0, 0, 10, 20]) for due in dues(days)}
    hit = []
    for n, day in enumerate(sorted(chance.sample(range(days), outages))):
        long = chance.choice([9, 30, 200, 400])
        hit.append(missed(day, long, late, chance) if n % 2 else Outage(day * 1440 + chance.randrange(100, 900), long))
    minutes = range(days * 1440)
    around = {minute for one in hit for minute in range(one.start - 9, one.start + one.minutes + 9)}
    odd = [minute for minute in sorted(chance.sample(minutes, days * 6)) if minute not in around]
    odd = [minute for before, minute in pairwise([-99, *odd]) if minute - before > HOUR]
    gasps = {one.start + 60 + n for one in hit if one.minutes > 100 for n in range(4)}
    broken = {minute: chance.choice(["denied", "busy", "half"]) for minute in chance.sample(minutes, days * 20)}
    broken |= dict.fromkeys(range(1200, 1320), "denied")  # for two hours nobody may read the bucket
    broken = {minute: how for minute, how in broken.items() if minute not in around or chance.random() < 0.2}
    for one in hit:  # a pipeline's outage is seen in S3 alone: its first two readings raise the alarm
        if one.what == "pipeline":
            broken = {minute: how for minute, how in broken.items() if not one.has(minute, SOON)}
            broken |= dict.fromkeys(range(one.start + 2, one.start + 2 + one.dark), "busy")
    return World(seed, hit, set(odd[::2]), set(odd[1::2]), gasps, broken, late, skew=chance.choice([0, 120, -120, 400]))


def dues(days: int) -> Iterator[datetime]:
    due, ends = due_before(START + days * 1440 * MINUTE), START
    while due > ends:
        yield due
        due = due_before(due - MINUTE)


def missed(day: int, long: int, late: dict[datetime, int], chance: random.Random) -> Outage:
    """The day's second publication comes so much too late: an outage from its grace on, of which enough can be seen."""
    due = due_before(START + (day + 1) * 1440 * MINUTE)
    late[due] = GRACE - 5 + long
    start = int((due - START).total_seconds()) // 60 + GRACE
    return Outage(start, long, "pipeline", dark=min(chance.choice([0, 4, 40]), max(0, long - 2 * SOON)))


def faults(life: Life) -> list[str]:
    """Outages without their one recovery, recoveries without an outage, and more than one run for a blip."""
    found, left, looked, world = [], list(life.recoveries), list(life.looked), life.world
    for outage in world.outages:
        its, left = parted(left, lambda minute, one=outage: one.has(minute))
        seen, looked = parted(looked, lambda minute, one=outage: one.has(minute, more=5))
        wrong = [row for row in seen if outage.has(row[1]) and row[1] not in world.gasps]
        found += [f"{run_id} called the outage at {outage.start} healthy at {minute}" for run_id, minute in wrong]
        if len(its) != 1:
            found.append(f"the outage at {outage.start} for {outage.minutes} min has {len(its)} runs")
        elif its[0][1] > outage.start + SOON + outage.dark:
            found.append(f"the outage at {outage.start} had to wait {its[0][1] - outage.start} minutes for its run")
    for blip in world.blips:  # over when one looks; where one cannot look, a person decides
        its, looked = parted(looked, lambda minute, at=blip: at <= minute < at + HOUR)
        unseen, left = parted(left, lambda minute, at=blip: at <= minute < at + SOON)
        found += [f"{run_id} went on for the blip at {blip}" for run_id, _ in unseen if run_id not in life.blind]
        found += [f"the blip at {blip} had {len(its)} looks and {len(unseen)} runs"] if len(its) + len(unseen) > 1 else []
    return found + [f"{run_id} at {minute} has no outage" for run_id, minute in left + looked]


Rows = list[tuple[str, int]]


def parted(rows: Rows, has: Callable[[int], bool]) -> tuple[Rows, Rows]:
    return [row for row in rows if has(row[1])], [row for row in rows if not has(row[1])]


@pytest.mark.slow
def test_thirty_days_of_a_pipelines_life() -> None:
    assert faults(lived(eventful(1, days=30, outages=9), days=30)) == []


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_any_two_days(seed: int) -> None:
    assert faults(lived(eventful(seed, days=2, outages=1), days=2)) == []


def test_a_day_without_an_outage_starts_nothing() -> None:
    life = lived(World(3, [], flaps={100, 500, 900}, broken=dict.fromkeys(range(300, 360), "busy")), days=1)
    assert (life.recoveries, life.looked, life.records.said) == ([], [], [])


# ------------------------------------------------------------ each guard is needed
def dark_is_bad(app: Any, readings: Any) -> Any:
    state, said = judge(app, readings)
    return (Health.UNHEALTHY if state == Health.UNKNOWN else state), said


def all_clear(*given: Any) -> Any:
    readings, state, said = look(*given)
    return readings, (Health.HEALTHY if state == Health.UNKNOWN else state), said


def no_second_look(app: Any, store: Any, clock: Callable[[], Any]) -> Any:
    return (), Health.UNHEALTHY, ""


def alarm_of_one(self: Any, points: int, of: int) -> None:
    self._points, self._last = 1, month.deque(maxlen=1)
    self.state = month.AlarmState(state="INSUFFICIENT_DATA", since=month.START)


def any_name(self: Arrival, mode: Any) -> str:
    return f"{self.app}-{mode}-{uuid4().hex}"


def nobody(*_: Any, **__: Any) -> None:
    return None


GUARDS: dict[str, list[tuple[Any, str, Any]]] = {
    "N of M": [(month.Alarm, "__init__", alarm_of_one)],
    "unknown is not unhealthy": [(health, "judge", dark_is_bad)],
    "unknown is no all-clear": [(health, "look", all_clear)],
    "the second look": [(health, "look", no_second_look)],
    "a name from the cause": [(Arrival, "run_id", any_name)],
    "one incident an app": [(Gate, "_lease", nobody), (Records, "claim_incident", nobody)],
    "the watch": [(Gate, "_answered", lambda *_: "somebody")],
}
SEEDS = (11, 15, 20, 26)


@pytest.mark.slow
@pytest.mark.parametrize("guard", GUARDS)
def test_without_any_of_its_guards_the_simulation_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for where, name, instead in GUARDS[guard]:
        monkeypatch.setattr(where, name, instead)
    assert any(faults(lived(eventful(seed, days=2, outages=2), days=2)) for seed in SEEDS)


@pytest.mark.slow
def test_with_all_of_them_it_does_not() -> None:
    assert [faults(lived(eventful(seed, days=2, outages=2), days=2)) for seed in SEEDS] == [[]] * len(SEEDS)
