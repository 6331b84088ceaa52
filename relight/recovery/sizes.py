"""What pods ask for, and what a runner of each instance type has."""

import re

from relight.recovery.cluster import Object
from relight.recovery.objects import containers, pod_spec
from relight.recovery.prepare import PlannedObject

MIB = 2**20
# A family's memory at size "large", GiB; every other size is a multiple of it.
GIB_AT_LARGE = {"c": 4, "m": 8, "t": 8, "r": 16, "x": 32}
STANDARD = frozenset({"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"})  # they share EC2's quota L-1216C47A
SIZES = {"nano": 1 / 16, "micro": 1 / 8, "small": 1 / 4, "medium": 1 / 2, "large": 1.0, "xlarge": 2.0}
SYSTEM_MIB = 1024  # k3s, the agent and Ubuntu, measured with room to spare
TYPE = re.compile(r"(?P<family>[a-z]+)\d+(?P<options>[a-z-]*)\.(?P<times>\d*)(?P<size>[a-z]+)")
UNITS: dict[str, float] = {"": 1, "m": 1e-3, **{unit: 1000**n for n, unit in enumerate("kMGTPE", 1)}}
UNITS |= {f"{unit}i": 1024**n for n, unit in enumerate("KMGTPE", 1)}
QUANTITY = re.compile(r"(?P<number>[+-]?[0-9.]+(?:[eE][+-]?\d+)?)(?P<unit>[a-zA-Z]*)")


def memory_mib(instance_type: str) -> int | None:
    """What an instance type has; None for a family that is not in the table."""
    found = TYPE.fullmatch(instance_type)
    if found is None or found["family"] not in GIB_AT_LARGE or found["size"] not in SIZES:
        return None
    return int(GIB_AT_LARGE[found["family"]] * SIZES[found["size"]] * int(found["times"] or 1) * 1024)


def vcpus(instance_type: str) -> int | None:
    """Virtual CPUs by the type's name; None for a size that is not in the table. Size "large" has two."""
    found = TYPE.fullmatch(instance_type)
    if found is None or found["size"] not in SIZES:
        return None
    least = 2 if found["family"] == "t" else 1  # burstable types have two however small they are
    return max(least, int(2 * SIZES[found["size"]] * int(found["times"] or 1)))


def standard(instance_type: str) -> bool:
    """Whether it counts as a Standard instance (EC2's quota L-1216C47A)."""
    found = TYPE.fullmatch(instance_type)
    return found is not None and found["family"] in STANDARD


def architecture(instance_type: str) -> str:
    """As Kubernetes names it. Graviton types carry a g behind their generation."""
    found = TYPE.fullmatch(instance_type)
    return "arm64" if found and "g" in found["options"] else "amd64"


def quantity(text: object) -> float:
    """A Kubernetes quantity as a number. Raises ValueError."""
    found = QUANTITY.fullmatch(str(text).strip())
    if found is None or found["unit"] not in UNITS:
        raise ValueError(f"{text!r} is no quantity")
    return float(found["number"]) * UNITS[found["unit"]]


def requested_mib(objects: tuple[PlannedObject, ...]) -> int:
    """Memory that all pods ask for at once. Jobs run one at a time: the largest counts."""
    standing, jobs = 0.0, [0.0]
    for item in objects:
        spec = pod_spec(item.object) if item.object is not None else None
        if item.object is None or spec is None:
            continue
        if item.identity.kind in ("Job", "CronJob"):
            jobs.append(_pod(spec))
        elif item.identity.kind != "PodTemplate":
            standing += _pod(spec) * _replicas(item.object)
    return round((standing + max(jobs)) / MIB)


def _pod(spec: Object) -> float:
    first = [item for item in spec.get("initContainers") or [] if item.get("restartPolicy") != "Always"]
    main = [item for item in containers(spec) if item not in first]
    return max(sum(map(_container, main)), *map(_container, first), 0.0)


def _container(item: Object) -> float:
    resources = item.get("resources") or {}
    asked = (resources.get("requests") or {}).get("memory", (resources.get("limits") or {}).get("memory", 0))
    try:
        return quantity(asked)
    except ValueError:
        return 0.0


def _replicas(obj: Object) -> int:
    replicas = (obj.get("spec") or {}).get("replicas", 1)
    return replicas if isinstance(replicas, int) else 1
