"""A runner that is production cares for itself: it says how it is, and backs its app up on the app's schedule.

That it is production it knows from the keys that it is given, and from nothing else.
"""

import time
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

from relight.adapters.partition import Partition
from relight.agent.background import begin
from relight.agent.desk import one_line
from relight.agent.job import runs_in
from relight.agent.logs import log
from relight.agent.site import Production, Site
from relight.agent.workbench import Workbench
from relight.config import App
from relight.cron import last_due
from relight.errors import RelightError
from relight.evidence.brief import LONGEST
from relight.model import Keys, Order, Vitals, decode, moment, now
from relight.records import replace
from relight.recovery.wellness import unwell

LOOK = 5.0  # seconds between two looks at the cluster
SAY = 60.0  # seconds after which it says again what it said before
AGAIN = timedelta(minutes=10)  # before a backup that was not taken is tried again
BACKUP_SECONDS = 6 * 3600.0


class Serving:
    def __init__(self, partition: Partition, principal: str, workbench: Workbench) -> None:
        self._partition, self._principal, self._workbench = partition, principal, workbench
        self._busy: dict[str, Future[Any]] = {}
        self._looked, self._said, self._told = 0.0, 0.0, Vitals(at="", well=False, said="")
        self._keys: Keys | None = None

    def turn(self, order: Order, keys: Keys) -> None:
        """Returns at once: what takes time is done beside the agent's loop."""
        if keys != self._keys:
            self._workbench.bench.taking.keep(keys)
            self._keys = keys
        if time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            self._beside("look", lambda: self._look(order))

    def _beside(self, name: str, work: Any) -> None:
        if name not in self._busy or self._busy[name].done():
            self._busy[name] = begin(work, name)

    def _look(self, order: Order) -> None:
        try:
            site = self._workbench.bench.site
            before = site.production() or self._begin(site)
            self._say(self._vitals(order, before))
            if not site.failback() and due(decode(order.app, App), before, datetime.now(UTC)):
                self._beside("backup", lambda: self._back_up(order))
        except Exception as error:  # the next look is near, and whoever tends this runner hears that it is silent
            log.error(f"production: a look failed: {one_line(error)}")

    def _begin(self, site: Site) -> Production:
        site.serve(began := Production(began_at=now()))
        return began

    def _vitals(self, order: Order, before: Production) -> Vitals:
        bench = self._workbench.bench
        try:
            wrong = unwell(bench.cluster, runs_in(order))
        except RelightError as error:
            wrong = [f"its cluster cannot be asked: {one_line(error)}"]
        said = "; ".join(wrong)[:LONGEST] or "workloads are available, claims are bound"
        return Vitals(
            at=now(),
            well=not wrong,
            said=said,
            taken=before.taken,
            trouble=before.trouble,
            failback=bench.site.failback(),
        )

    def _say(self, vitals: Vitals) -> None:
        if replace(vitals, at="") == self._told and time.monotonic() - self._said < SAY:
            return
        self._partition.report(self._principal, vitals)
        self._told, self._said = replace(vitals, at=""), time.monotonic()

    def _back_up(self, order: Order) -> None:
        with self._workbench.alone():
            site = self._workbench.bench.site
            before = replace(site.production() or self._begin(site), tried_at=now())
            try:
                after = replace(before, taken=self._workbench.bench.taking.take(order, BACKUP_SECONDS), trouble="")
                log.info("backup taken", backup=after.taken.uri if after.taken else "")
            except RelightError as error:
                after = replace(before, trouble=one_line(error)[:LONGEST])
                log.error(f"backup not taken: {one_line(error)}")
            site.serve(after)


def due(app: App, so_far: Production, at: datetime) -> bool:
    """Whether a backup is to be taken: by the app's cron, or twice in each RPO; one that failed is tried again soon."""
    if so_far.trouble and at < moment(so_far.tried_at) + AGAIN:
        return False
    last = moment(so_far.taken.created_at if so_far.taken else so_far.began_at)
    if app.serving.cron:
        return last_due(app.serving.cron, app.serving.zone, at).first > last
    return at - last >= timedelta(seconds=app.rpo) / 2
