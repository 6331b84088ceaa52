"""What drills prove, and a month of them in which one is skipped."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relight.config import App, Drill
from relight.configfile import load
from relight.drills import is_whole, overdue, unproven, version
from relight.model import Mode, PassedDrill, Phase, Run, timestamp
from relight.records import replace

MONDAYS = Drill(cron="0 4 * * 1", zone="Europe/Berlin")
FIRST = datetime(2026, 11, 2, 3, tzinfo=UTC)  # Monday, 04:00 in Berlin
HOUR = timedelta(hours=1)


def sample() -> App:
    return load(Path(__file__).parent.parent / "relight.toml").apps[0]


def passed(at: datetime, on: str = "v") -> PassedDrill:
    return PassedDrill(run_id=f"drill-{at:%d}", began_at=timestamp(at), version=on)


def test_in_a_month_with_one_skipped_drill_the_alarm_is_on_from_its_grace_to_the_next_that_passes() -> None:
    ran = [FIRST + timedelta(days=7 * week) for week in (0, 1, 3)]  # the third was skipped
    hours = [FIRST + HOUR * n for n in range(24 * 28)]
    alarm = []
    for at in hours:
        so_far = [one for one in ran if one + HOUR <= at]
        if overdue(MONDAYS, passed(so_far[-1]) if so_far else passed(FIRST - timedelta(days=7)), at):
            alarm.append(at)
    skipped, next_one = FIRST + timedelta(days=14), FIRST + timedelta(days=21)
    assert alarm == [at for at in hours if skipped + 3 * HOUR <= at < next_one + HOUR]


def test_an_app_that_was_never_rehearsed_is_overdue_and_says_since_when() -> None:
    assert overdue(MONDAYS, None, FIRST + 4 * HOUR) == "a drill was due 2026-11-02T03:00:00Z; none has ever passed"


def test_nothing_starts_by_itself_before_a_drill_passed_on_this_version() -> None:
    app = sample()
    assert unproven(app, None) == "no drill of it has passed yet"
    assert unproven(app, passed(FIRST, version(app))) is None
    changed = replace(app, rpo=app.rpo + 1)
    why = unproven(changed, passed(FIRST, version(app)))
    assert why and "its configuration changed since" in why
    rescheduled = replace(app, drill=replace(app.drill, cron="0 5 * * 2"))
    assert unproven(rescheduled, passed(FIRST, version(app))) is None


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"mode": Mode.INCIDENT}, False),
        ({"negative_control": True}, False),
        ({"start_at": Phase.VALIDATE}, False),
        ({"run_job": False}, False),
        ({"image_ref": "shop@sha256:..."}, False),
    ],
)
def test_only_a_drill_of_the_whole_counts(changes: dict[str, Any], counts: bool) -> None:
    drill = Run(app="shop", mode=Mode.DRILL, run_id="d", started_at="2026-11-02T03:00:00Z", execution_arn="arn")
    assert is_whole(replace(drill, **changes)) is counts
