"""Reap: ends runners that outlived their expiry. It goes by tags alone: records get lost, and with them a runner's owner."""

import time
from typing import Any

from aws_lambda_powertools import Logger

from relight.adapters.compute import Compute, Instance
from relight.adapters.metrics import emit
from relight.model import Tag
from relight.settings import function_settings
from relight.times import epoch

AT_ONCE = 5  # a wrong clock, or a wrong tag everywhere, must not end everything in one go
UNTAGGED_AGE = 86_400  # seconds that a runner whose expiry cannot be read may live
GRACE = 300  # the dead man's switch is first
log = Logger()


def handler(event: dict[str, Any], context: object) -> Any:
    compute = Compute()
    due = overdue(compute.find({Tag.NAME: function_settings().name}), int(time.time()))
    going, waiting = due[:AT_ONCE], due[AT_ONCE:]
    compute.terminate([one.instance_id for one in going])
    emit("Reaped", len(going))
    log.info("reaped", extra={"reaped": [_facts(one) for one in going], "next_time": len(waiting)})
    return {"reaped": [one.instance_id for one in going], "next_time": [one.instance_id for one in waiting]}


def overdue(runners: list[Instance], now: int) -> list[Instance]:
    """Live runners past their expiry, longest first."""
    late = [(deadline(one), one.instance_id, one) for one in runners if one.live and deadline(one) < now]
    return [one for _, _, one in sorted(late, key=lambda row: row[:2])]


def deadline(runner: Instance) -> int:
    """Epoch seconds. A tag that cannot be read does not make a runner immortal."""
    if runner.expires_at is not None:
        return runner.expires_at + GRACE
    return epoch(runner.launched_at) + UNTAGGED_AGE


def _facts(runner: Instance) -> dict[str, str]:
    return {"instance_id": runner.instance_id, "run_id": runner.tags.get(Tag.RUN, ""), "launched_at": runner.launched_at}
