"""A cluster that a process started ends with that process, even one that had no time to say goodbye."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

START = """
import sys, time
from pathlib import Path
from relight.local.cluster import start
print(start(Path(sys.argv[1]), "orphan").pid, flush=True)
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("emulated")
def test_a_cluster_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        cluster = int(parent.stdout.readline())
        assert lives(cluster)
        parent.kill()
    deadline = time.monotonic() + 10
    while lives(cluster) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not lives(cluster)


def lives(pid: int) -> bool:
    """Whether it is this cluster and no zombie that nobody has waited for."""
    try:
        return b"relight.local.cluster" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
