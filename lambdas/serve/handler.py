"""Serve: the runner is production, and may live so long. The token waits in the table until somebody asks for failback."""

import time
from typing import Any

from relight.adapters import parameters
from relight.adapters.compute import Compute
from relight.adapters.table import Watched
from relight.errors import RelightError
from relight.evidence.step import log, step
from relight.messages import Kind
from relight.model import Phase, Runner
from relight.production import SERVING, hand_keys, live_for
from relight.telling import About, Teller

LEASE = f"{SERVING // 86_400} days"


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.SERVE, event) as now:
        runner, began = now.given("launch", Runner), int(time.time())
        live_for(now, Compute(), runner, SERVING, promoted=True)
        now.table.watch(now.run.run_id, Watched(began_at=began, state="well", since=began))
        try:
            hand_keys(now, now.settings.keeper_role, parameters.app(now.run.app), runner)
        except RelightError as error:  # production all the same: tend gives them, or says that it cannot
            log.error("no keys for backups yet", extra={"error": str(error)})
        about = About(run=now.run, approval=now.table.approval(now.run.run_id), variables=now.payload)
        Teller(deployment=now.settings).tell(Kind.PROMOTED, about, lease=LEASE)
        return now.hand_over("whoever asks for failback")
