"""A benchmark that is ended leaves nothing of its many gigabytes behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import eventually

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_benchmark_that_is_ended_cleans_up(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "benchmarks", "--megabytes", "2000"]
    bench = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: list(tmp_path.glob("relight-bench-*/mixed/tree/*/*")), "it writes its tree")
        bench.send_signal(number)
        assert bench.wait(30) != 0
    finally:
        bench.kill()
        bench.wait()
    assert list(tmp_path.iterdir()) == []
