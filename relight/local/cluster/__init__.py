"""The local cluster: a small Kubernetes API server whose containers are local processes. It calls itself emulated.

It serves what Relight needs of Kubernetes, for the official client and for kubectl: ``tests/cluster`` states that, check by
check. How pods run and what they may reach is said in ``relight.local.cluster.kubelet``.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relight.errors import ClusterNotReady, PortTaken

START_SECONDS = 30.0
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ClusterProcess:
    """A cluster that runs as a process of its own. ``log`` is what it says of itself."""

    kubeconfig: Path
    log: Path
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """Ends it and every process of its pods; its data stay. Safe to call twice."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_SECONDS)
        if self.process.stdin:
            self.process.stdin.close()


def start(data: Path, name: str, port: int = 0, host_paths: Sequence[Path] = ()) -> ClusterProcess:
    """Starts a cluster on 127.0.0.1 (``port`` 0: any free one) and returns once it answers.

    ``host_paths``: the roots below which pods may mount host paths and local volumes; none: the parent of ``data``.
    It ends with the process that started it, even one that was killed: its standard input is a pipe that closes then.
    Raises PortTaken, and ClusterNotReady where it does not come up in 30 s; both leave nothing behind.
    """
    data.mkdir(parents=True, exist_ok=True)
    kubeconfig, log = data / "kubeconfig", data / "cluster.log"
    kubeconfig.unlink(missing_ok=True)
    command = [sys.executable, "-m", "relight.local.cluster", "--data", str(data), "--kubeconfig", str(kubeconfig)]
    command += ["--name", name, "--port", str(port), "--lifeline"]
    command += [word for path in host_paths for word in ("--allow-host-path", str(path))]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
    started = ClusterProcess(kubeconfig, log, process)
    _await_ready(started, port)
    return started


def _await_ready(started: ClusterProcess, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not started.kubeconfig.exists():
        if started.process.poll() == 2:
            raise PortTaken(f"port {port}", "is in use by another process", "choose another, or 0 for any")
        if started.process.poll() is not None or time.monotonic() > deadline:
            started.stop()
            raise ClusterNotReady(f"the local cluster did not come up within {START_SECONDS:.0f} s: see {started.log}")
        time.sleep(0.02)
