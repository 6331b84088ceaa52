"""The old primary's cluster, by a kubeconfig that lies in Secrets Manager: its CronJobs, looked at and suspended."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relight.adapters.calls import Refused, call
from relight.adapters.kube import Cluster
from relight.errors import ActionFailed

REQUEST_SECONDS = 5.0
MOST = 200  # CronJobs: each is a request of its own


@contextmanager
def reached(secret: str) -> Iterator[Cluster]:
    """The cluster. Its kubeconfig is on disk for this long, for this process alone. Raises ActionFailed without one."""
    try:
        found = call("secretsmanager", "get_secret_value", {"ResourceNotFoundException"}, SecretId=secret)
    except Refused:
        raise ActionFailed("the kubeconfig's secret is not there; correct kubeconfig in relight.toml") from None
    descriptor, path = tempfile.mkstemp(prefix="primary-")  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(found.get("SecretString", ""))
        yield Cluster(Path(path), timeout=REQUEST_SECONDS, connections=1)
    finally:
        Path(path).unlink(missing_ok=True)


def suspended(cluster: Cluster, namespace: str) -> dict[str, bool]:
    """Each of the namespace's CronJobs, and whether it is suspended. Raises ActionFailed when there are more than MOST."""
    found = cluster.list("batch/v1", "CronJob", namespace)
    if len(found) > MOST:
        raise ActionFailed(f"namespace {namespace}: {len(found)} CronJobs, more than {MOST}; suspend them yourself")
    return {one["metadata"]["name"]: bool(one["spec"].get("suspend")) for one in found}


def suspend(cluster: Cluster, namespace: str, name: str, value: bool) -> None:
    cluster.patch("batch/v1", "CronJob", namespace, name, {"spec": {"suspend": value}})
