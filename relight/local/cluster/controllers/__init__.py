"""The control loops: what a real cluster's controller manager does, as far as Relight needs it."""

from pathlib import Path

from relight.local.cluster.api import Api
from relight.local.cluster.controllers.base import Controller, Manager
from relight.local.cluster.controllers.cronjobs import CronJobs
from relight.local.cluster.controllers.endpoints import Endpoints
from relight.local.cluster.controllers.garbage import Definitions, Namespaces, OwnerCollector
from relight.local.cluster.controllers.jobs import Jobs
from relight.local.cluster.controllers.quotas import Quotas
from relight.local.cluster.controllers.replicas import Deployments, ReplicaSets
from relight.local.cluster.controllers.sets import DaemonSets, StatefulSets
from relight.local.cluster.controllers.volumes import Claims, Volumes


def all_controllers(api: Api, volumes: Path) -> list[Controller]:
    """``volumes`` is where claims without a static volume get their directories."""
    plain = (
        Definitions,
        Namespaces,
        OwnerCollector,
        Deployments,
        ReplicaSets,
        DaemonSets,
        StatefulSets,
        Jobs,
        CronJobs,
        Endpoints,
        Quotas,
    )
    return [*(kind(api) for kind in plain), Claims(api, volumes), Volumes(api, volumes)]


__all__ = ["Manager", "all_controllers"]
