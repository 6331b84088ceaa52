"""What a person configures of the runner: the part `[runner]` of `relight.toml`."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MinLen

from relight.values import InstanceType, Positive, Sha256, Strict


@dataclass(frozen=True, slots=True, kw_only=True)
class Download(Strict):
    """A pinned artifact of the runner, published to our bucket at deploy time and checked against its digest at boot."""

    version: str
    url: str
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Images(Strict):
    """The cluster's own container images, an archive of k3s's release: without it k3s pulls them as it starts."""

    url: str
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerConfig(Strict):
    """``instance_types`` is the launch ladder, best first. ``hold``: seconds a runner may live without a promotion."""

    k3s: Download
    images: Images | None = None
    instance_types: Annotated[tuple[InstanceType, ...], MinLen(1)] = ("m7g.large", "m6g.large", "t4g.large")
    disk_gib: Positive = 40
    hold: Positive = 21_600
