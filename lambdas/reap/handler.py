"""Reap: ends runners that outlived their expiry. It goes by tags alone: records get lost, and with them a runner's owner."""

import time
from typing import Any

from aws_lambda_powertools import Logger

from relight.adapters.compute import Compute, Instance
from relight.adapters.metrics import emit
from relight.errors import RelightError
from relight.model import Tag
from relight.settings import function_settings
from relight.times import epoch

AT_ONCE = 5  # a wrong clock, or a wrong tag everywhere, must not end everything in one go
UNTAGGED_AGE = 86_400  # seconds that a runner whose expiry cannot be read may live
LONGEST_LIFE = 400 * 86_400  # seconds: a year as production, and the time before it
GRACE = 300  # the dead man's switch is first
log = Logger()


def handler(event: dict[str, Any], context: object) -> Any:
    """Raises what EC2 refused, once every other runner that is due was ended: a refusal is for a person to see."""
    compute = Compute()
    due = overdue(compute.find({Tag.NAME: function_settings().name}), int(time.time()))
    reaped: list[Instance] = []
    refused: list[RelightError] = []
    while due and len(reaped) < AT_ONCE:
        one = due.pop(0)
        try:
            compute.terminate([one.instance_id])
            reaped.append(one)
        except RelightError as error:
            refused.append(error)
            log.error("not reaped", extra={**_facts(one), "error": str(error)})
    emit("Reaped", len(reaped))
    log.info("reaped", extra={"reaped": [_facts(one) for one in reaped], "next_time": len(due)})
    if refused:
        raise refused[0]
    return {"reaped": [one.instance_id for one in reaped], "next_time": [one.instance_id for one in due]}


def overdue(runners: list[Instance], now: int) -> list[Instance]:
    """Live runners past their expiry, longest first."""
    late = [(deadline(one), one.instance_id, one) for one in runners if one.live and deadline(one) < now]
    return [one for _, _, one in sorted(late, key=lambda row: row[:2])]


def deadline(runner: Instance) -> int:
    """Epoch seconds. A tag that cannot be read, or names no time of this world, does not make a runner immortal."""
    born = epoch(runner.launched_at)
    if runner.expires_at is None:
        return born + UNTAGGED_AGE
    return min(runner.expires_at, born + LONGEST_LIFE) + GRACE


def _facts(runner: Instance) -> dict[str, str]:
    return {"instance_id": runner.instance_id, "run_id": runner.tags.get(Tag.RUN, ""), "launched_at": runner.launched_at}
