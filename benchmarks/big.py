"""The largest that the contract speaks of: one file of 20 GB, dense and sparse, and a million files; backed up, verified
and restored. Rows are peaks of memory: of all processes, shared pages counted once. ``./run bench --full`` runs them."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import trees
from benchmarks.memory import LIMIT, family_megabytes
from benchmarks.peers import ROOT
from benchmarks.table import Row, rated

PIECE = 8 * 2**20
HOLE = 256  # a sparse file has one piece of content in so many
STEPS = {
    "backup": "back_up(store, home / 'tree')",
    "verify": "assert not verify(store, URI, deep=True)",
    "restore": "restore(store, home / 'target')",
}
STEP = """
import sys
from pathlib import Path
from benchmarks.store import FolderStore
from benchmarks.volumes import URI, back_up, restore
from relight.backup.verify import verify
home = Path(sys.argv[1])
store = FolderStore(home / "s3")
"""


def rows(gigabytes: int = 20, files: int = 1_000_000) -> Iterator[Row]:
    yield from _shape(f"one file of {gigabytes} GB", lambda root: _dense(root, gigabytes * 2**30))
    yield from _shape(f"one sparse file of {gigabytes} GB", lambda root: _sparse(root, gigabytes * 2**30))
    yield from _shape(f"{files:,} files", lambda root: trees.small(root, files))


def _shape(what: str, fill: Callable[[Path], None]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as name:
        home = Path(name)
        fill(home / "tree")
        for step, code in STEPS.items():
            began = time.perf_counter()
            most = _peak(STEP + code, home)
            seconds = time.perf_counter() - began
            yield rated(f"peak memory of {step}, {what}", "200 MB", 1.0, most, LIMIT, f"megabytes; in {seconds:.0f} s")
            if step == "backup":  # both trees would not fit on every disk
                shutil.rmtree(home / "tree")


def _peak(code: str, home: Path) -> float:
    most = 0.0
    with subprocess.Popen([sys.executable, "-c", code, str(home)], cwd=ROOT) as work:
        try:
            while work.poll() is None:
                most = max(most, family_megabytes(work.pid))
                time.sleep(0.1)
        finally:
            work.kill()
    assert not work.returncode
    return most


def _dense(root: Path, size: int) -> None:
    """Records as text, which compress to a fifth or so."""
    root.mkdir(parents=True)
    content = trees.Content()
    with (root / "large.db").open("wb") as file:
        for _ in range(0, size, PIECE):
            file.write(content.text(PIECE))


def _sparse(root: Path, size: int) -> None:
    root.mkdir(parents=True)
    content = trees.Content()
    with (root / "sparse.img").open("wb") as file:
        for start in range(0, size, HOLE * PIECE):
            file.seek(start)
            file.write(content.take(PIECE))
        os.ftruncate(file.fileno(), size)
