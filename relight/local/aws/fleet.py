"""The processes behind the instances: one `python -m relight.local.instances` each, with everything it starts."""

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from relight.local import processes
from relight.settings import environment

GRACE = 3.0  # seconds an instance gets to shut its services down


class Fleet:
    """Starts and ends instance processes below ``state``/instances. ``facts`` are added to every instance's orders."""

    def __init__(self, state: Path, **facts: Any) -> None:
        self._state = state
        self._facts = facts
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, orders: dict[str, Any]) -> subprocess.Popen[bytes]:
        """Starts the instance; its orders (credentials among them) go through its standard input, never to a file.

        The pipe stays open as the instance's lifeline: it ends when this process does.
        """
        iid, asked_at = orders["instance_id"], time.time()
        home = self._state / "instances" / iid
        home.mkdir(parents=True, exist_ok=True)
        marked = {**environment(), processes.MARK: self.mark(iid)}
        with (home / "instance.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "relight.local.instances"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=marked, start_new_session=True,
            )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(json.dumps({**orders, **self._facts, "home": str(home), "asked_at": asked_at}).encode() + b"\n")
        process.stdin.flush()
        self._running[iid] = process
        return process

    def mark(self, iid: str) -> str:
        """What every process of the instance carries in its environment."""
        return f"{self._state}/instances/{iid}"

    def alive(self, iid: str) -> bool:
        return iid in self._running and self._running[iid].poll() is None

    def stop(self, iid: str) -> None:
        """Asks the instance to shut down and kills what is left after GRACE seconds, without blocking the caller."""
        process = self._running[iid]
        process.terminate()
        timer = threading.Timer(GRACE, process.kill)
        timer.daemon = True
        timer.start()

    def clear(self, iid: str, keep_disk: bool) -> None:
        """Kills whatever an ended instance left behind, and deletes its disk as EC2 does; its logs stay."""
        processes.kill_marked(self.mark(iid))
        self._running.pop(iid, None)
        if not keep_disk:
            shutil.rmtree(self._state / "instances" / iid / "disk", ignore_errors=True)

    def close(self) -> None:
        """Ends every instance; returns when no process of any is left, or after GRACE seconds with the rest killed."""
        running = dict(self._running)
        for process in running.values():
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in running.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        processes.kill_marked(f"{self._state}/instances", below=True)

    def without_capacity(self) -> set[str]:
        """Instance types that answer InsufficientInstanceCapacity: lines of ``state``/no-capacity, for rehearsals."""
        try:
            return set((self._state / "no-capacity").read_text(encoding="utf-8").split())
        except FileNotFoundError:
            return set()
