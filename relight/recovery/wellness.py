"""Whether an app that runs is well, as its cluster sees it: workloads available, claims bound."""

from relight.recovery.cluster import ClusterApi
from relight.recovery.validators.ready import READY

WORKING = (("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("", "PersistentVolumeClaim"))


def unwell(cluster: ClusterApi, namespace: str) -> list[str]:
    """What is not as it should be, a line each. Raises what the cluster refuses."""
    found = []
    for which in WORKING:
        version, state = READY[which]
        for obj in cluster.list(version, which[1], namespace):
            if missing := state(obj):
                found.append(f"{which[1]} {obj['metadata']['name']}: {missing}")
    return found
