"""How a promoted runner is judged, and what of it is news."""

from typing import Any

import pytest

from lambdas.tend.judge import Sight, State, follow, judge, news
from relight.adapters.table import Watched
from relight.model import Vitals
from relight.records import replace
from relight.times import from_epoch
from tests.handlers.test_tend import DAY, HOUR, NOW, TAKEN

WELL = Vitals(at=from_epoch(NOW - 60), well=True, said="all well", taken=TAKEN)


@pytest.mark.parametrize(
    ("seen", "state", "why"),
    [
        ({"live": False}, State.GONE, "EC2 does not show it"),
        ({"vitals": None, "began_at": NOW - 60}, State.WELL, "just become production"),
        ({"vitals": None}, State.SILENT, "said nothing for"),
        ({"vitals": replace(WELL, at=from_epoch(NOW - 901))}, State.SILENT, "said nothing for 15 min"),
        ({"vitals": replace(WELL, at=from_epoch(NOW - 899))}, State.WELL, "all well"),
        ({"vitals": replace(WELL, well=False, said="web is down")}, State.SICK, "web is down"),
        ({"rpo": HOUR - 1}, State.SICK, "no backup of it for 1 h 00 min, and the RPO is"),
        ({"vitals": replace(WELL, taken=None, trouble="no room"), "rpo": HOUR}, State.SICK, "(no room)"),
    ],
)
def test_how_a_runner_is(seen: dict[str, Any], state: State, why: str) -> None:
    usual: dict[str, Any] = {"live": True, "vitals": WELL, "began_at": NOW - 2 * HOUR, "rpo": DAY}
    found, said = judge(Sight(**(usual | seen)), NOW)
    assert found == state and why in said


@pytest.mark.parametrize(
    ("state", "lasts", "told", "told_ago", "is_news"),
    [
        ("well", 0, "", 0, False),
        ("well", 0, "sick", HOUR, True),
        ("well", HOUR, "well", HOUR, False),
        ("sick", 599, "", 0, False),
        ("sick", 600, "", 0, True),
        ("gone", 0, "", 0, True),
        ("gone", 0, "sick", 60, True),
        ("gone", HOUR, "gone", HOUR, False),
        ("gone", 7 * HOUR, "gone", 6 * HOUR, True),
    ],
)
def test_what_is_news(state: str, lasts: int, told: str, told_ago: int, is_news: bool) -> None:
    watched = Watched(began_at=0, state=state, since=NOW - lasts, told=told, told_at=NOW - told_ago)
    assert news(watched, NOW) is is_news


def test_a_state_that_stays_keeps_its_beginning() -> None:
    before = Watched(began_at=0, state="sick", since=NOW - HOUR)
    assert follow(before, State.SICK, NOW).since == NOW - HOUR
    assert follow(before, State.GONE, NOW).since == NOW
