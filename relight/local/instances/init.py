"""The init of a local instance: starts, watches, restarts and ends units on the word of the ``systemctl`` stand-in."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from relight.local import processes
from relight.local.instances import units

SOCKET = "init.sock"
NOT_RUNNING = 3  # systemctl's exit status of is-active for a unit that is not
CLEAN = (0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGPIPE)


class Service:
    """One unit's process, kept as its Restart= says."""

    def __init__(self, unit: units.Unit, base: dict[str, str], log: Path) -> None:
        self._unit, self._base, self._log = unit, base, log
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self._started = threading.Event()
        self._executed = False
        self._status = 0
        self._thread = threading.Thread(target=self._keep, daemon=True, name=unit.name)

    def start(self) -> bool:
        """Whether systemctl would call it started: at once (simple), once executed (exec), once done and well (oneshot)."""
        self._thread.start()
        self._started.wait(10)
        if self._unit.kind == "oneshot":
            self._thread.join()
            return self._status == 0
        return self._executed or self._unit.kind == "simple"

    @property
    def active(self) -> bool:
        return self._thread.is_alive() and not self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()
        if self._process is not None:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(self._unit.stop_seconds)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        self._thread.join(1)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _keep(self) -> None:
        while not self._stopped.is_set():
            self._status = self._once()
            restart = self._unit.restart == "always" or (self._unit.restart == "on-failure" and self._status not in CLEAN)
            if not restart or self._stopped.wait(self._unit.restart_seconds):
                return

    def _once(self) -> int:
        """Runs the program to its end. The thread that forks it stays with it: the program dies with this process."""
        with self._log.open("ab") as log:
            try:
                environment = self._unit.environment(self._base)
                self._process = subprocess.Popen(
                    self._unit.command(environment), cwd=self._unit.directory, env=environment, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, process_group=0, preexec_fn=processes.die_with_parent,
                )  # fmt: skip
                self._executed = True
            except OSError as error:
                log.write(f"{self._unit.name}: cannot be started: {error}\n".encode())
                return 203  # systemd's EXIT_EXEC
            finally:
                self._started.set()
        return self._process.wait()


class Init:
    """Listens on ``home``/init.sock. ``disk`` holds the units; each unit's output goes to ``home``/<unit>.log."""

    def __init__(self, disk: Path, home: Path, base: dict[str, str], power_off: Callable[[str], None]) -> None:
        self._folder, self._home, self._base, self._power_off = disk / "etc/systemd/system", home, base, power_off
        self._services: dict[str, Service] = {}
        self._lock = threading.RLock()

    def listen(self) -> None:
        os.chdir(self._home)  # a socket's path is short or relative
        Path(SOCKET).unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(SOCKET)
        server.listen()
        threading.Thread(target=self._serve, args=(server,), daemon=True, name="init").start()

    def _serve(self, server: socket.socket) -> None:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            verb, flags, names = json.loads(stream.readline())
            try:
                status, text = self.do(verb, flags, names)
            except (FileNotFoundError, ValueError) as error:
                status, text = 5, f"Failed to {verb} {' '.join(names)}: {error}"
            stream.write(json.dumps([status, text]).encode() + b"\n")

    def do(self, verb: str, flags: list[str], names: list[str]) -> tuple[int, str]:
        """One systemctl command: its exit status and what it says."""
        names = [name.removesuffix(".service") for name in names]
        if any(units.escapes(name) for name in names):
            return 1, "Invalid unit name"
        if verb in ("poweroff", "halt", "reboot"):
            self._power_off(f"systemctl {verb}")
            return 0, ""
        if verb == "is-active":
            states = ["active" if name in self._services and self._services[name].active else "inactive" for name in names]
            return (0 if "active" in states else NOT_RUNNING), "\n".join(states)
        if verb in ("start", "restart") or (verb == "enable" and "--now" in flags):
            failed = [name for name in names if not self._start(name, again=verb == "restart")]
            return (1, f"Job for {', '.join(failed)} failed") if failed else (0, "")
        if verb == "stop" or (verb == "disable" and "--now" in flags):
            for name in names:
                self._stop(name)
            return 0, ""
        if verb in ("daemon-reload", "enable", "disable", "reset-failed"):
            return 0, ""
        return 1, f"Unknown command verb {verb}"

    def _start(self, name: str, again: bool) -> bool:
        with self._lock:
            running = self._services.get(name)
            if running and running.active and not again:
                return True
            unit = units.read(self._folder, name)
            if running:
                running.stop()
            service = self._services[name] = Service(unit, self._base, self._home / f"{name}.log")
        return service.start()

    def _stop(self, name: str) -> None:
        with self._lock:
            if service := self._services.get(name):
                service.stop()

    def stop_all(self) -> None:
        """Ends every unit at once."""
        began = time.monotonic()
        stopping = [threading.Thread(target=service.stop, daemon=True) for service in list(self._services.values())]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join(max(0.0, 2.5 - (time.monotonic() - began)))
