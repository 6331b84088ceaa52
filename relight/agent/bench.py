"""What the tasks of one runner share: the store, the cluster, what was fetched, what stands here."""

from pathlib import Path
from threading import Lock

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.agent.config import AgentConfig
from relight.agent.fetch import Fetch
from relight.agent.logs import log
from relight.agent.shelf import Shelf
from relight.agent.site import Site
from relight.agent.taking import Taking
from relight.model import Order, Phase

RESTORING = (Phase.LAUNCH, Phase.RESTORE)


class Bench:
    def __init__(self, config: AgentConfig, store: S3, cluster: Cluster | None = None) -> None:
        self.store = store
        self.site, self.taking = Site(config.data), Taking(config)
        self.cluster = cluster or Cluster(Path(config.kubeconfig))
        self._order: Order | None = None
        self._fetch: Fetch | None = None
        self._lock = Lock()
        Shelf(self.site.staging).clear()

    def prepare(self, order: Order) -> None:
        """Begins to fetch what the order names, once. Volumes only when a restore is to come."""
        if order == self._order:
            return
        log.info("order received", run_id=order.run.run_id, app=order.run.app, backup=order.plan.backup_uri)
        self._order, fetch, restored = order, self.fetched(order), self.site.restored()
        if order.run.start_at in RESTORING and not (restored and restored.covers(order)):
            fetch.volumes()

    def fetched(self, order: Order) -> Fetch:
        """What the order names, as it is being fetched; fetched again where that failed and may go well now."""
        with self._lock:
            if self._fetch is None or self._fetch.order != order or self._fetch.failed:
                if self._fetch:
                    self._fetch.discard()
                self._fetch = Fetch(order, self.store, self.site.staging)
            return self._fetch

    def forget(self, fetch: Fetch) -> None:
        """The next one who asks has it fetched anew."""
        with self._lock:
            fetch.discard()
            self._fetch = None if self._fetch is fetch else self._fetch
