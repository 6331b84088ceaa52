"""Which cluster a command means."""

from pathlib import Path

from relight.adapters.kube import Cluster
from relight.errors import RequestInvalid


def cluster_of(kubeconfig: Path, in_cluster: bool = False) -> Cluster:
    """The kubeconfig's; or the one that this pod runs in. Raises RequestInvalid where there is no such file."""
    if in_cluster:
        return Cluster(None)
    path = kubeconfig.expanduser()
    if not path.is_file():
        raise RequestInvalid(
            f"--kubeconfig {kubeconfig}", "is not a file", "name the cluster's kubeconfig, or set KUBECONFIG"
        )
    return Cluster(path)
