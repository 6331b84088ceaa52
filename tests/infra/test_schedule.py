"""A drill's cron, as a person writes it, is when Scheduler starts it."""

import pytest

from infra.schedule import expression
from relight.errors import ConfigInvalid


@pytest.mark.parametrize(
    ("cron", "scheduled"),
    [
        ("0 4 * * 1", "cron(0 4 ? * MON *)"),
        ("0 4 * * 0", "cron(0 4 ? * SUN *)"),
        ("0 4 * * 7", "cron(0 4 ? * SUN *)"),
        ("0 4 * * mon-fri", "cron(0 4 ? * MON,TUE,WED,THU,FRI *)"),
        ("0 4 * * 5-7", "cron(0 4 ? * SUN,FRI,SAT *)"),
        ("*/20 2-4 1,15 * *", "cron(0,20,40 2,3,4 1,15 * ? *)"),
        ("30 1 * jan *", "cron(30 1 * 1 ? *)"),
    ],
)
def test_five_fields_become_six(cron: str, scheduled: str) -> None:
    assert expression(cron) == scheduled


@pytest.mark.parametrize("cron", ["0 4 1 * 1", "0 4 l * *", "0 4 * * 1#2"])
def test_what_scheduler_cannot_say_is_refused_before_anything_is_deployed(cron: str) -> None:
    with pytest.raises(ConfigInvalid, match="wrong field") as refused:
        expression(cron)
    assert refused.value.findings[0].startswith("drill.cron: ")
