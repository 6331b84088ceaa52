"""The primary cluster as an operator's own machine sees it, before production goes back to it. Here it is only read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.backup.reader import open_backup
from relight.errors import PrimaryNotReady, RelightError, UserError
from relight.recovery.comparison import compare
from relight.recovery.wellness import unwell

STORAGE = ("storage.k8s.io/v1", "StorageClass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Primary:
    """``said``: one line. ``wrong``: what keeps it from taking over, a line each."""

    said: str
    wrong: tuple[str, ...] = ()


def look(kubeconfig: Path, namespace: str) -> Primary:
    """Raises PrimaryNotReady where it cannot be asked at all."""
    with reached(kubeconfig) as cluster:
        return _seen(cluster, namespace)


@contextmanager
def reached(kubeconfig: Path) -> Iterator[Cluster]:
    """Raises PrimaryNotReady for what the cluster, or the lack of one, raises within; an input that is wrong stays so."""
    path = kubeconfig.expanduser()
    if not path.is_file():
        raise PrimaryNotReady(f"--primary {kubeconfig}", "is not a file", "name the primary's kubeconfig")
    try:
        yield Cluster(path)
    except UserError:
        raise
    except RelightError as error:
        raise PrimaryNotReady(f"--primary {kubeconfig}", f"cannot be asked ({error})", "repair the primary first") from None


def _seen(cluster: Cluster, namespace: str) -> Primary:
    version = str(cluster.version().get("gitVersion", "unknown"))
    if cluster.get("v1", "Namespace", None, namespace) is None:
        return Primary(said=f"Kubernetes {version}, without namespace {namespace}", wrong=(f"no namespace {namespace}",))
    wrong = unwell(cluster, namespace)
    classes = sorted(obj["metadata"]["name"] for obj in cluster.list(*STORAGE))
    claims = cluster.list("v1", "PersistentVolumeClaim", namespace)
    state = f"{len(wrong)} of its objects not well" if wrong else "workloads available, claims bound"
    said = f"Kubernetes {version}, namespace {namespace}: {state}; {len(claims)} claim(s), storage classes: "
    return Primary(said=said + (", ".join(classes) or "none"), wrong=tuple(wrong))


def differences(kubeconfig: Path, backup_uri: str, namespace: str) -> dict[str, Any]:
    """Objects that only the promoted site has, as of its newest backup, and that only the primary has; and which APIs of the
    primary did not answer, so that nobody knows."""
    backup = open_backup(S3(), backup_uri)
    try:
        found = compare(backup.manifests(), Cluster(kubeconfig.expanduser()), namespace)
    except RelightError as error:
        return {"backup": backup_uri, "error": str(error)}
    only = {"only_here": found.only_backup, "only_on_the_primary": found.only_cluster}
    return {"backup": backup_uri, **only, "not_compared": found.not_compared}
