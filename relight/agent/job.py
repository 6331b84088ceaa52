"""One task as its phase sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from relight.agent.bench import Bench
from relight.agent.fetch import Fetch
from relight.agent.watch import Watch
from relight.errors import ClusterNotReady
from relight.evidence.binding import digest
from relight.model import Artifact, Order, Task

CLUSTER_SECONDS = 300.0  # k3s is up in a few seconds; a machine that needs minutes will not come up


def runs_in(order: Order) -> str:
    """The namespace that the app runs in here."""
    return str(order.run.namespace or order.app["namespace"])


@dataclass(frozen=True, slots=True)
class Job:
    task: Task
    order: Order
    watch: Watch
    bench: Bench

    @property
    def fetched(self) -> Fetch:
        return self.bench.fetched(self.order)

    @property
    def namespace(self) -> str:
        """The namespace restored into."""
        return self.watch.wait(self.fetched.recipe).target

    def cluster_ready(self) -> None:
        """Returns when the cluster answers /readyz. Raises ClusterNotReady when it does not within CLUSTER_SECONDS."""
        self.watch.go_on()
        left = CLUSTER_SECONDS
        while not self.bench.cluster.ready():
            if (left := left - 0.25) <= 0:
                raise ClusterNotReady(
                    f"the runner's cluster: not ready within {CLUSTER_SECONDS:.0f} s; it may not have started; "
                    "the phase is tried again, on the console see the runner's system log"
                )
            self.watch.sleep(0.25)

    def keep(self, name: str, suffix: str, data: bytes) -> Artifact:
        """Writes a document to the run's artifacts, under its digest: an earlier try's stays beside it."""
        artifact = Artifact(
            uri=f"{self.order.evidence_prefix}/artifacts/{name}-{digest(data)[:12]}.{suffix}", sha256=digest(data)
        )
        self.bench.store.put(artifact.uri, data)
        return artifact


@dataclass(frozen=True, slots=True)
class Handler:
    """``perform`` answers with the phase's record. ``unable`` answers for a phase whose failure must not end the run."""

    perform: Callable[[Job], Any]
    unable: Callable[[Job, Exception], Any] | None = None
