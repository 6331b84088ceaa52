"""A benchmark is a pair: ours and a named peer, timed in turn in the same run. A row is their ratio of medians."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Timed = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``ratio``: ours over the peer's wall time; ``ok``: it is within ``target``. Seconds are medians."""

    name: str
    peer: str
    ours_seconds: float
    peer_seconds: float
    ratio: float
    target: float
    ok: bool


def compare(name: str, peer: str, target: float, *, ours: Timed, theirs: Timed, prepare: Timed, rounds: int = 3) -> Row:
    """Runs both ``rounds`` times, ours and theirs in turn, ``prepare`` before each and outside the clock."""
    times: dict[Timed, list[float]] = {ours: [], theirs: []}
    for _ in range(rounds):
        for run, taken in times.items():
            prepare()
            began = time.perf_counter()
            run()
            taken.append(time.perf_counter() - began)
    mine, other = median(times[ours]), median(times[theirs])
    ratio = round(mine / other, 3)
    return Row(name=name, peer=peer, ours_seconds=mine, peer_seconds=other, ratio=ratio, target=target, ok=ratio <= target)


def shell(command: str) -> Timed:
    """A peer's pipeline, as a person would type it."""

    def run() -> None:
        subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)

    return run
