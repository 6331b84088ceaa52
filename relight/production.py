"""How long a runner lives, said wherever a guard looks: its own lease (the dead man's switch), its tag (the reaper), and the
app's lease. It is hours until the runner is production, days at a time while it is, and minutes once it no longer is."""

import json
import time
from typing import Any, Protocol

from relight.adapters.compute import Compute
from relight.adapters.credentials import assume
from relight.adapters.table import Table
from relight.backup.rights import policy
from relight.config import App
from relight.model import Run, Runner, encode
from relight.times import from_epoch

SERVING = 72 * 3600  # seconds that production lives on when nobody renews its lease: a long weekend with a broken guard
HANDED_BACK = 900  # seconds that Teardown has to end a runner that is production no more


class Acting(Protocol):
    """Who acts for a run: a phase's step, or whoever tends its runner."""

    @property
    def run(self) -> Run: ...
    @property
    def table(self) -> Table: ...


def live_for(now: Acting, compute: Compute, runner: Runner, seconds: int, **lease: Any) -> int:
    """Until when, in epoch seconds. The runner first: whoever holds the app's lease, it must not die, or live on, for that.

    Raises LeaseLost.
    """
    until = int(time.time()) + seconds
    now.table.put_runner_lease(runner.principal, until)
    compute.set_expiry(runner.instance_id, until)
    now.table.update_lease(now.run, expires_at=until, runner=encode(runner) | {"expires_at": from_epoch(until)}, **lease)
    return until


def hand_keys(now: Acting, role: str, app: App, runner: Runner) -> None:
    """Lets the runner write this app's backups for an hour; no runner can before that. ``role``: the keeper's ARN."""
    keys = assume(role, now.run.run_id, json.dumps(policy(app), separators=(",", ":")))
    now.table.put_keys(runner.principal, keys)
