"""Every object of a namespace, of each kind that can be listed."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from relight.errors import ServiceUnavailable
from relight.recovery.cluster import ClusterApi, Kind, Objects

CONCURRENCY = 8
# Never worth a backup: made anew by every cluster, or views of other objects.
LEFT_OUT = frozenset({"Event", "Lease", "Endpoints", "EndpointSlice", "ControllerRevision", "Pod"})


def inside(cluster: ClusterApi, namespace: str) -> tuple[Objects, Mapping[str, str]]:
    """The objects; and of APIs that a Service answers for, those that did not answer: API version -> what came instead.

    Raises the cluster's errors where the API server itself does not list a kind.
    """
    mute: dict[str, str] = {}

    def listed(kind: Kind) -> Objects:
        try:
            return cluster.list(kind.api_version, kind.kind, namespace)
        except ServiceUnavailable as error:
            if not cluster.delegated(kind.api_version):
                raise
            mute[kind.api_version] = str(error)
            return []

    with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="inside") as pool:
        found = [obj for objects in pool.map(listed, kinds_inside(cluster)) for obj in objects]
    return found, {**cluster.silent, **mute}


def kinds_inside(cluster: ClusterApi) -> list[Kind]:
    """The kinds of which a backup holds every object of the namespace."""
    return list(_once([kind for kind in cluster.resources() if kind.namespaced and kind.kind not in LEFT_OUT]))


def _once(kinds: list[Kind]) -> Iterator[Kind]:
    """An old group may serve a kind of another group as well (Ingress of extensions): one is enough."""
    seen: set[tuple[str, str]] = set()
    for kind in sorted(kinds, key=lambda item: item.api_version.startswith("extensions/")):
        family = "networking.k8s.io" if kind.api_version.startswith("extensions/") else kind.api_version.rpartition("/")[0]
        if (family, kind.kind) not in seen:
            seen.add((family, kind.kind))
            yield kind
