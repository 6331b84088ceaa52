"""A run's critical path, from StartExecution to validated: against its lower bound, and its steps one after the other.

The instance, the cluster, pods and the line to S3 take the time that they take on AWS (``PACE``); all else is measured, most
of it in the run itself. What nobody could do faster is boot + max(cluster, fetch and unpack) + pods. The bound has event,
plan and apply besides, as they took; our own start-up, between boot and the first byte fetched, is in neither.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median

from benchmarks import runs, trees
from benchmarks.peers import throttled
from benchmarks.table import Row, rated, shell
from benchmarks.volumes import clear
from relight.adapters.s3 import S3
from relight.backup.metadata import STATE
from relight.backup.reader import open_backup
from relight.config import Validator
from relight.local.pace import Pace
from relight.records import replace

PACE = Pace(boot=5.0, cluster=3.0, pod=2.0)
LINE, STATE_MB = 60.0, 1024  # megabytes a second; a smaller state gets a slower line, and takes as long
ROUNDS = 3
READY = (Validator(name="ready", kind="ready", deadline=60),)
MANY, FEW, MOST_EVENTS = 5_000, 10, 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Seconds. ``launch``: until the instance is asked for. ``start``: from its boot until the agent runs; ``order``: until
    it has its order. ``fetch``: as we do it, the faster of alone and in the run.

    ``in_turn``: one connection, then the digest, then the unpacking.
    """

    event: float
    plan: float
    launch: float
    boot: float
    start: float
    order: float
    cluster: float
    fetch: float
    in_turn: float
    apply: float
    pods: float

    @property
    def floor(self) -> float:
        return self.boot + max(self.cluster, self.fetch) + self.pods

    @property
    def bound(self) -> float:
        return self.event + self.plan + self.floor + self.apply

    @property
    def sequence(self) -> float:
        return sum(getattr(self, field.name) for field in fields(self)) - self.fetch


def rows(megabytes: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as name:
        home = Path(name)
        trees.mixed(home / "tree", megabytes * 2**20)
        trees.mixed(home / "little", 2**20)
        with runs.place(home / "engine", replace(PACE, connection=LINE * megabytes / STATE_MB), READY) as place:
            place.back_up("state", home / "tree", FEW)
            yield from _path(place, home, megabytes)
            place.back_up("few", home / "little", FEW)
            place.back_up("many", home / "little", MANY)
            yield from _history(place)


def _path(place: runs.Place, home: Path, megabytes: int) -> Iterator[Row]:
    place.drill("state")  # functions start cold once
    taken = []
    for _ in range(ROUNDS):
        ran = place.drill("state")
        taken.append((ran.left("Validate") - ran.events[0].at, _steps(ran, place, home, LINE * megabytes / STATE_MB)))
    ours = median(seconds for seconds, _ in taken)
    steps = next(found for seconds, found in taken if seconds == ours)
    note = ", ".join(f"{field.name} {getattr(steps, field.name):.2f}" for field in fields(steps))
    name = f"a run from its start to validated, {megabytes} MB"
    yield rated(name, "its lower bound", 1.05, ours, steps.bound, note)
    yield rated(name, "what nobody could do faster", 1.05, ours, steps.floor)
    yield rated(name, "the same steps in sequence", 0.6, ours, steps.sequence)


def _steps(ran: runs.Ran, place: runs.Place, home: Path, line: float) -> Steps:
    said, booted = _log(ran.logs / "relight-agent.log"), ran.booted
    fetch, in_turn = _alone(place, home, line)
    return Steps(
        event=ran.entered("Plan") - ran.events[0].at,
        plan=ran.left("Plan") - ran.entered("Plan"),
        launch=booted - PACE.boot - ran.entered("Launch"),
        boot=PACE.boot,
        start=said["agent started"] - booted,
        order=said["order received"] - said["agent started"],
        cluster=PACE.cluster,
        fetch=min(fetch, said["volumes fetched and verified"] - said["order received"]),
        in_turn=in_turn,
        apply=said["objects applied"] - said["volumes in place, cluster ready"],
        pods=PACE.pod,
    )


def _alone(place: runs.Place, home: Path, line: float) -> tuple[float, float]:
    """Seconds to fetch and unpack over a line like the instance's: as the agent does, and step by step."""
    target, whole = home / "restored", home / "whole"
    with throttled(place.endpoint, line) as endpoint:
        store = S3(place.client("s3", endpoint))
        backup = open_backup(store, f"{runs.STORAGE}/backups/state")
        ours = _timed(lambda: backup.restore_volumes(target))
        clear(target)()
        target.mkdir()
        archive = backup.where(STATE)
        in_turn = (
            _timed(lambda: whole.write_bytes(store.get(archive)))
            + _timed(lambda: sha256(whole.read_bytes()))
            + _timed(shell(f"zstd -dcq {whole} | tar x -C {target}"))
        )
    clear(target)()
    return ours, in_turn


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _log(file: Path) -> dict[str, float]:
    """When the agent said what, in epoch seconds."""
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {line["message"]: _moment(line["timestamp"]) for line in lines}


def _moment(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f%z").astimezone(UTC).timestamp()


def _history(place: runs.Place) -> Iterator[Row]:
    few, many = place.drill("few"), place.drill("many")
    name = f"of a run of {MANY:,} objects"
    yield rated(f"state transitions {name}", f"of one of {FEW}", 1.0, many.transitions, few.transitions, "a count")
    yield rated(f"history events {name}", f"of one of {FEW}", 1.0, len(many.events), len(few.events), "a count")
    yield rated(f"history events {name}", "150", 1.0, len(many.events), MOST_EVENTS, "a count")
