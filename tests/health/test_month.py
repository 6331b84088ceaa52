"""Thirty days in virtual time: every real outage starts exactly one recovery, and no healthy day starts any."""

import random
from collections.abc import Callable
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
from relight.health import judge
from relight.model import Health
from tests.health import month
from tests.health.month import Life, Outage, Records, World

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
    """Outages of a day's distance at least; between them flaps, S3's errors, late pipelines and a clock that is ahead."""
    chance = random.Random(seed)
    days_hit = sorted(chance.sample(range(days), outages))
    hit = [Outage(day * 1440 + chance.randrange(100, 900), chance.choice([9, 30, 200, 400])) for day in days_hit]
    minutes = range(days * 1440)
    around = {minute for one in hit for minute in range(one.start - 9, one.start + one.minutes + 9)}
    odd = [minute for minute in sorted(chance.sample(minutes, days * 6)) if minute not in around]
    odd = [minute for before, minute in pairwise([-99, *odd]) if minute - before > HOUR]
    flaps, blips = set(odd[::2]), set(odd[1::2])
    gasps = {one.start + 60 + n for one in hit if one.minutes > 100 for n in range(4)}
    broken = {minute: chance.choice(["denied", "busy", "half"]) for minute in chance.sample(minutes, days * 20)}
    broken |= dict.fromkeys(range(1200, 1320), "denied")  # for two hours nobody may read the bucket
    # A blip and a bucket that nobody may read as one looks again: that goes on to a person, by design.
    broken = {minute: how for minute, how in broken.items() if not blips & set(range(minute - 9, minute + 1))}
    late = {day: chance.choice([0, 0, 10, 20]) for day in range(days)}
    return World(seed, hit, flaps, blips, gasps, broken, late, skew=chance.choice([0, 120, -120]))


def faults(life: Life) -> list[str]:
    """Outages without their one recovery, recoveries without an outage, and more than one look at a blip."""
    found, left, looked = [], list(life.recoveries), list(life.looked)
    for outage in life.world.outages:
        its = [row for row in left if outage.start <= row[1] < outage.start + outage.minutes]
        left = [row for row in left if row not in its]
        looked = [row for row in looked if not outage.start <= row[1] < outage.start + outage.minutes + 5]
        if len(its) != 1:
            found.append(f"the outage at {outage.start} for {outage.minutes} min has {len(its)} runs")
        elif its[0][1] > outage.start + SOON:
            found.append(f"the outage at {outage.start} had to wait {its[0][1] - outage.start} minutes for its run")
    for blip in life.world.blips:
        its = [row for row in looked if blip <= row[1] < blip + HOUR]
        looked = [row for row in looked if row not in its]
        found += [f"the blip at {blip} was looked at {len(its)} times"] if len(its) > 1 else []
    return found + [f"{run_id} at {minute} has no outage" for run_id, minute in left + looked]


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
    "the second look": [(health, "look", no_second_look)],
    "a name from the cause": [(Arrival, "run_id", any_name)],
    "one incident an app": [(Gate, "_lease", nobody), (Records, "claim_incident", nobody)],
    "the watch": [(Gate, "_answered", lambda *_: "somebody")],
}
SEEDS = (11, 12, 13, 14)


@pytest.mark.slow
@pytest.mark.parametrize("guard", GUARDS)
def test_without_any_of_its_guards_the_simulation_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for where, name, instead in GUARDS[guard]:
        monkeypatch.setattr(where, name, instead)
    assert any(faults(lived(eventful(seed, days=2, outages=2), days=2)) for seed in SEEDS)


@pytest.mark.slow
def test_with_all_of_them_it_does_not() -> None:
    assert [faults(lived(eventful(seed, days=2, outages=2), days=2)) for seed in SEEDS] == [[]] * len(SEEDS)
