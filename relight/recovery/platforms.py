"""Where an app's images were seen running: what its cluster can tell of their platforms. They may have others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from relight.errors import RelightError
from relight.recovery.cluster import ClusterApi, Object, Objects
from relight.recovery.images import by_digest, pinned, repository
from relight.recovery.objects import containers

Platforms = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A container as its pod's status shows it. ``ref``: its image by digest. ``ran``: it started, and did not just fail."""

    image: str
    ref: str
    ran: bool


def shown(pod: Object) -> Iterator[Shown]:
    """Each container whose pod knows its image's digest."""
    named = {item["name"]: str(item.get("image", "")) for item in containers(pod.get("spec") or {})}
    status = pod.get("status") or {}
    for item in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        image, ref = named.get(item["name"], ""), str(item.get("imageID") or "").split("://")[-1]
        if image and pinned(ref):
            yield Shown(image, f"{repository(image)}@{ref.rpartition('@')[2]}", _ran(item))


def platforms(cluster: ClusterApi, pods: Objects) -> dict[str, list[str]]:
    """``os/architecture`` of the nodes that each image ran on, by its reference; nothing of one that nobody saw run."""

    @cache
    def of(node: str) -> str:
        try:
            found = cluster.get("v1", "Node", None, node) or {}
        except RelightError:  # the backup may not read nodes: no reason to have none
            return ""
        about = (found.get("status") or {}).get("nodeInfo") or {}
        return "/".join(filter(None, (about.get("operatingSystem"), about.get("architecture"))))

    ran = {
        (by_digest(one.image) if pinned(one.image) else one.ref, of(str(node)))
        for pod in pods
        if (node := (pod.get("spec") or {}).get("nodeName"))
        for one in shown(pod)
        if one.ran
    }
    found: dict[str, list[str]] = {}
    for ref, platform in sorted(ran):
        if "/" in platform:
            found.setdefault(ref, []).append(platform)
    return found


def architectures(seen: Platforms, ref: str) -> frozenset[str]:
    """Those that the image is known to run on, as Kubernetes names them."""
    return frozenset(platform.split("/")[1] for platform in seen.get(by_digest(ref), ()) if "/" in platform)


def recorded(found: object) -> dict[str, tuple[str, ...]]:
    """As metadata.json holds them; what has another shape tells nothing."""
    rows = found.items() if isinstance(found, dict) else ()
    return {ref: tuple(filter(_text, named)) for ref, named in rows if isinstance(named, list) and _text(ref)}


def _text(value: object) -> bool:
    return isinstance(value, str)


def _ran(status: Object) -> bool:
    """An image of another architecture ends with an error at once."""
    states = [status.get("state") or {}, status.get("lastState") or {}]
    ended = [(one.get("terminated") or {}).get("exitCode") for one in states]
    return bool(status.get("ready")) or 0 in ended or (bool(states[0].get("running")) and not status.get("restartCount"))
