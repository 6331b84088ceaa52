"""What stands on this runner: written down before it is made, so that a later restore or start knows what to remove."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from relight.agent.files import write_atomically
from relight.model import ActionResult, Order, RestoreOutcome, Taken, Verdict
from relight.records import replace

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An object that a restore makes; ``namespace`` is empty for cluster scope."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore makes, and once it has ``ended``, what came of it. ``damaged``: on purpose, by a negative control."""

    run_id: str
    plan_hash: str
    metadata_sha256: str
    objects: tuple[Made, ...]
    damaged: bool = False
    ended: bool = False
    outcome: RestoreOutcome = RestoreOutcome.PARTIAL
    counts: dict[str, int] = field(default_factory=dict)

    def covers(self, order: Order) -> bool:
        """Whether what stands here is what the order's plan restores."""
        same = (self.plan_hash, self.metadata_sha256) == (order.plan.hash, order.plan.metadata_sha256)
        return self.ended and same


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The last validation here."""

    run_id: str
    verdict: Verdict
    evidence_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """This runner's time as production. ``tried_at``: when its last backup was begun; ``trouble``: why that came to none."""

    began_at: str
    tried_at: str = ""
    taken: Taken | None = None
    trouble: str = ""


class Site:
    """The runner's data directory: ``volumes/`` and ``index.jsonl`` in use, ``staging/`` on the way there, and notes."""

    def __init__(self, data: Path) -> None:
        self.data, self.staging = data, data / "staging"
        self.volumes, self.index = data / "volumes", data / "index.jsonl"
        self._restored, self._proof = data / "restored.json", data / "validated.json"
        self._production, self._failback = data / "production.json", data / "failback.json"

    def restored(self) -> Restored | None:
        return _read(self._restored, Restored)

    def restored_at(self) -> float:
        """Epoch seconds at which the last restore ended. Raises FileNotFoundError where nothing stands."""
        return self._restored.stat().st_mtime

    def begin(self, restored: Restored) -> None:
        _write(self._restored, restored)

    def end(self, restored: Restored, outcome: RestoreOutcome, counts: dict[str, int]) -> None:
        _write(self._restored, replace(restored, ended=True, outcome=outcome, counts=counts))

    def forget(self) -> None:
        """Nothing stands here any more, so nothing is proven."""
        self._proof.unlink(missing_ok=True)
        self._restored.unlink(missing_ok=True)

    def proof(self) -> Proof | None:
        return _read(self._proof, Proof)

    def production(self) -> Production | None:
        return _read(self._production, Production)

    def serve(self, production: Production) -> None:
        _write(self._production, production)

    def failback(self) -> tuple[ActionResult, ...]:
        """The steps of a failback that were tried here, each with its last result; none: nobody asked for one."""
        return _read(self._failback, tuple[ActionResult, ...]) or ()

    def fail_back(self, steps: tuple[ActionResult, ...]) -> None:
        _write(self._failback, steps)

    def prove(self, proof: Proof) -> None:
        _write(self._proof, proof)


def _read(file: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        return None


def _write(file: Path, record: Any) -> None:
    write_atomically(file, msgspec.json.encode(record))
