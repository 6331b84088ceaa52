"""Thirty days in virtual time: every real outage starts exactly one recovery, and no healthy day starts any."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.arrive.gate import Gate
from relight import health
from relight.adapters import signals
from relight.health import judge
from relight.model import Health
from tests.health import month
from tests.health.month import Life, Outage, Records, World

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
    """Outages of a day's distance at least; between them flaps, S3's errors, late pipelines and a clock that is ahead."""
    chance = random.Random(seed)
    days_hit = sorted(chance.sample(range(days), outages))
    hit = [Outage(day * 1440 + chance.randrange(100, 900), chance.choice([9, 30, 200, 400])) for day in days_hit]
    minutes = range(days * 1440)
    flaps = {minute for minute in chance.sample(minutes, days * 4)}
    flaps -= {minute for one in flaps for minute in range(one + 1, one + 4)}  # one bad minute; more would be an outage
    around = {minute for one in hit for minute in range(one.start - 3, one.start + one.minutes + 4)}
    broken = {minute: chance.choice(["denied", "busy", "half"]) for minute in chance.sample(minutes, days * 20)}
    broken |= dict.fromkeys(range(1200, 1320), "denied")  # for two hours nobody may read the bucket
    late = {day: chance.choice([0, 0, 10, 20]) for day in range(days)}
    return World(seed, hit, flaps - around, broken, late, skew=chance.choice([0, 120, -120]))


def faults(life: Life) -> list[str]:
    """Outages without their one run, runs without an outage."""
    found, left = [], list(life.recoveries)
    for outage in life.world.outages:
        its = [row for row in left if outage.start <= row[1] < outage.start + outage.minutes]
        left = [row for row in left if row not in its]
        if len(its) != 1:
            found.append(f"the outage at {outage.start} for {outage.minutes} min has {len(its)} runs")
        elif its[0][1] > outage.start + SOON:
            found.append(f"the outage at {outage.start} had to wait {its[0][1] - outage.start} minutes for its run")
    return found + [f"{run_id} at {minute} has no outage" for run_id, minute in left]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_thirty_days_of_a_pipelines_life(seed: int) -> None:
    assert faults(lived(eventful(seed, days=30, outages=9), days=30)) == []


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


def no_second_look(app: Any, store: Any, clock: Callable[[], Any]) -> Any:
    return (), Health.UNHEALTHY, ""


def one_of_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(month.Alarm, "__init__", _alarm_of_one)


def _alarm_of_one(self: Any, points: int, of: int) -> None:
    self._points, self._last = 1, month.deque(maxlen=1)
    self.state = month.AlarmState(state="INSUFFICIENT_DATA", since=month.START)


GUARDS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "unknown is not unhealthy": lambda patch: patch.setattr(health, "judge", dark_is_bad),
    "the second look, where one reading is enough": lambda patch: (
        one_of_one(patch),
        patch.setattr(health, "look", no_second_look),
    )[0],
    "one incident an app": lambda patch: (
        patch.setattr(Gate, "_lease", lambda self, app: None),
        patch.setattr(Records, "claim_incident", lambda *_, **__: None),
    )[0],
    "the watch": lambda patch: patch.setitem(month.Gate.receive.__globals__["ANSWERS"], "watch", lambda *_: ("", None)),
}


def trying() -> World:
    """Two days with everything that each guard is for."""
    world = eventful(11, days=2, outages=2)
    world.outages = [Outage(400, 300), Outage(1900, 300), Outage(2500, 40)]
    world.flaps = {200, 700 + 1, 703, 2400, *range(402, 404)} | {100}
    return world


def dipped(world: World) -> World:
    """Within an outage the site answers for a moment, just as Detect looks: the alarm has no second change to tell."""
    first = world.outages[0]
    world.outages[0] = Outage(first.start + 2, first.minutes - 2)
    world.flaps |= {first.start - 1, first.start}
    return world


@pytest.mark.parametrize("guard", GUARDS)
def test_without_any_of_its_guards_the_simulation_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    GUARDS[guard](monkeypatch)
    assert any(faults(lived(eventful(seed, days=2, outages=2), days=2)) for seed in (11, 12, 13))


def test_with_all_of_them_it_does_not() -> None:
    for seed in (11, 12, 13):
        assert faults(lived(eventful(seed, days=2, outages=2), days=2)) == []


def test_n_of_m_spares_a_flap_even_the_second_look() -> None:
    quiet = lived(World(5, [], flaps={100, 500}), days=1)
    with pytest.MonkeyPatch.context() as patch:
        one_of_one(patch)
        nervous = lived(World(5, [], flaps={100, 500}), days=1)
    assert (len(quiet.recoveries), len(nervous.recoveries) + len(nervous.looked)) == (0, 2)
