"""How long a runner lives, said wherever a guard looks: its own lease (the dead man's switch), its tag (the reaper), and the
app's lease. It is hours until the runner is production, and minutes again once it no longer is."""

import time
from typing import Any

from relight.adapters.compute import Compute
from relight.evidence.step import Step
from relight.model import Runner, encode
from relight.times import from_epoch

HANDED_BACK = 900  # seconds that Teardown has to end a runner that is production no more


def live_for(now: Step, compute: Compute, runner: Runner, seconds: int, **lease: Any) -> int:
    """Until when, in epoch seconds. The runner first: whoever holds the app's lease, it must not die, or live on, for that.

    Raises LeaseLost.
    """
    until = int(time.time()) + seconds
    now.table.put_runner_lease(runner.principal, until)
    compute.set_expiry(runner.instance_id, until)
    now.table.update_lease(now.run, expires_at=until, runner=encode(runner) | {"expires_at": from_epoch(until)}, **lease)
    return until
