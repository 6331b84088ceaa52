"""Peak memory of a restore: all its processes, shared pages counted once."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers import ROOT, served
from benchmarks.table import Row, rated
from benchmarks.volumes import clear

LIMIT = 200.0
RESTORE = """
import sys
from pathlib import Path
from benchmarks.peers import store
from benchmarks.volumes import URI
from relight.backup.reader import open_backup
open_backup(store(sys.argv[1]), URI).restore_volumes(Path(sys.argv[2]))
"""


def peak(root: Path, target: Path) -> float:
    """Megabytes that restoring the backup below ``root``/s3 takes at most, looked at every 50 ms."""
    most = 0.0
    with served(root / "s3", 0) as endpoint:
        command = [sys.executable, "-c", RESTORE, endpoint, str(target)]
        with subprocess.Popen(command, cwd=ROOT) as restore:
            try:
                while restore.poll() is None:
                    most = max(most, family_megabytes(restore.pid))
                    time.sleep(0.05)
            finally:
                restore.kill()
    assert not restore.returncode
    clear(target)()
    return most


def rows(small: Path, large: Path, scratch: Path, sizes: tuple[str, str]) -> Iterator[Row]:
    low, high = peak(small, scratch / "target"), peak(large, scratch / "target")
    note = "megabytes, not seconds"
    yield rated(f"peak memory of a restore, {sizes[1]}", f"its own at {sizes[0]}", 1.25, high, low, note)
    yield rated(f"peak memory of a restore, {sizes[1]}", "200 MB", 1.0, high, LIMIT, note)


def family_megabytes(pid: int) -> float:
    """What a process and all below it take now, pages that several share counted once."""
    return sum(map(_proportional, _family(pid))) / 1000


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _proportional(pid: int) -> int:
    """kB of the process, pages that several share split among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
