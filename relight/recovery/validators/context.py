"""What a validator is given, and what it answers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relight.model import Verdict
from relight.recovery.cluster import ClusterApi
from relight.recovery.objects import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a Job of ours runs: ``job`` is its name, ``seconds`` how long it may take, ``read_only`` how it gets claims."""

    cluster: ClusterApi
    namespace: str
    job: str
    seconds: int
    read_only: bool = True
    development: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationContext:
    """``expected``: what the plan restores. ``data_dir``: what the paths in ``index`` are relative to.

    ``index``: the backup's index.jsonl, as it came with the data (by default ``index.jsonl`` in ``data_dir``).

    ``run_id`` and ``attempt`` name the Job of a ``job`` validator and choose the sample of ``files``. ``restored_at``: epoch
    seconds; what the app published since is newer.
    """

    cluster: ClusterApi
    namespace: str
    run_id: str
    data_dir: Path
    index: Path | None = None
    attempt: int = 0
    restored_at: float = 0.0
    expected: tuple[Identity, ...] = ()
    development: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """``detail`` is one line for a person; ``evidence`` is data."""

    verdict: Verdict
    detail: str
    evidence: dict[str, Any] = field(default_factory=dict)
