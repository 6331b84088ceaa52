"""A benchmark is ours against named peers, timed in turn in the same run. A row is a ratio of medians."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Timed = Callable[[], None]
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``ratio``: ours over the peer's, of wall seconds where the name does not say another measure; ``ok``: it is within
    ``target``. Figures are medians; they are None, and ``note`` says why, where the peer could not be measured."""

    name: str
    peer: str
    ours_seconds: float | None
    peer_seconds: float | None
    ratio: float | None
    target: float
    ok: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """``run`` is None, and ``note`` says why, where this machine does not have it."""

    name: str
    target: float
    run: Timed | None
    note: str = ""


def rated(name: str, peer: str, target: float, ours: float, theirs: float, note: str = "") -> Row:
    ratio = round(ours / theirs, 3)
    return Row(
        name=name,
        peer=peer,
        ours_seconds=ours,
        peer_seconds=theirs,
        ratio=ratio,
        target=target,
        ok=ratio <= target,
        note=note,
    )


def unrated(name: str, peer: str, target: float, note: str) -> Row:
    return Row(name=name, peer=peer, ours_seconds=None, peer_seconds=None, ratio=None, target=target, ok=False, note=note)


def contest(
    name: str, ours: Timed, peers: Sequence[Peer], prepare: Timed, rounds: int = ROUNDS, note: str = ""
) -> Iterator[Row]:
    """Runs all ``rounds`` times, in turn, ``prepare`` before each and outside the clock; a row for each peer."""
    runs = [ours, *(peer.run for peer in peers if peer.run)]
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, taken in zip(runs, times, strict=True):
            prepare()
            began = time.perf_counter()
            run()
            taken.append(time.perf_counter() - began)
    mine, *others = map(median, times)
    found = iter(others)
    for peer in peers:
        if peer.run:
            yield rated(name, peer.name, peer.target, mine, next(found), note or peer.note)
        else:
            yield unrated(name, peer.name, peer.target, peer.note)
    prepare()


def compare(name: str, peer: str, target: float, *, ours: Timed, theirs: Timed, prepare: Timed, rounds: int = ROUNDS) -> Row:
    """``contest`` against one peer."""
    return next(contest(name, ours, [Peer(peer, target, theirs)], prepare, rounds))


def shell(command: str, **variables: str) -> Timed:
    """A peer's pipeline, as a person would type it, with ``variables`` in its environment."""

    def run() -> None:
        subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True, env=os.environ | variables)

    return run


def peak_mib() -> float:
    """This process's own peak of memory. ``getrusage`` would count what its parent had when it started this one."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
