"""One container of a pod: its process, again and again as the pod's restart policy says, and its status."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relight.local.cluster.kubelet import probes
from relight.local.cluster.kubelet.environment import NotThere
from relight.local.cluster.kubelet.process import Process
from relight.local.cluster.kubelet.sandbox import Container, Sandbox
from relight.local.cluster.options import now

Obj = dict[str, Any]
BACKOFF, LONGEST_BACKOFF = 1.0, 30.0  # seconds before a restart, doubled each time (10 and 300 in a real cluster)


@dataclass(slots=True)
class ContainerRunner:
    """``make`` gives what to run (raising NotThere while it cannot), ``tell`` hears of each change and of events."""

    spec: Obj
    restart_policy: str
    sandbox: Sandbox
    logs: Path
    make: Callable[[], Container]
    reach: probes.Reach
    tell: Callable[[str, str, str], None]
    grace: float
    state: Obj = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: Obj = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    process: Process | None = None
    stopping: bool = False
    killer: "asyncio.Task[int] | None" = None

    @property
    def exit_code(self) -> int | None:
        over = self.state.get("terminated")
        return None if over is None else over["exitCode"]

    def log(self, restart: int | None = None) -> Path:
        return self.logs / f"{self.spec['name']}.{self.restarts if restart is None else restart}.log"

    def status(self) -> Obj:
        image = self.spec["image"]
        shown = {"name": self.spec["name"], "image": image, "imageID": image if "@" in image else "", "ready": self.ready}
        started = {"started": "running" in self.state, "restartCount": self.restarts, "state": self.state}
        identity = {"containerID": f"emulated://{self.process.process.pid}"} if self.process else {}
        return shown | started | identity | {"lastState": self.last}

    async def run(self) -> None:
        """Ends when the container has ended for good, or was asked to stop."""
        while not self.stopping:
            container = await self._made()
            if container is None or await self._once(container):
                return
            self._wait(self.state)
            await asyncio.sleep(min(BACKOFF * 2 ** min(self.restarts, 10), LONGEST_BACKOFF))
            self.restarts += 1

    async def _made(self) -> Container | None:
        while not self.stopping:
            try:
                return self.make()
            except NotThere as error:
                self._change({"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}})
                self.tell("Warning", "Failed", f"Error: {error}")
                await asyncio.sleep(0.3)
        return None

    async def _once(self, container: Container) -> bool:
        """Runs the process once; whether that was the last time."""
        started = now()
        try:
            self.process = await Process.start(container, self.sandbox, self.log())
            await self.process.settle()
        except OSError as error:
            self.log().write_text(f"exec {container.command[0]}: {error.strerror}\n", encoding="utf-8")
            return self._ended(127, started)
        if not self.spec.get("readinessProbe") and not self.spec.get("startupProbe"):
            self.ready = True
        self._change({"running": {"startedAt": started}})
        self.tell("Normal", "Started", f"Started container {self.spec['name']}")
        watching = asyncio.create_task(self._probe(container))
        code = await self.process.wait()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        return self._ended(code, started)

    def _ended(self, code: int, started: str) -> bool:
        reason = "Completed" if code == 0 else "Error"
        self.ready = False
        over = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now()}
        final = self.stopping or self.restart_policy == "Never" or (self.restart_policy == "OnFailure" and code == 0)
        self._change({"terminated": over})
        return final

    def _wait(self, state: Obj) -> None:
        self.last = state
        message = f"back-off restarting failed container {self.spec['name']}"
        self.tell("Warning", "BackOff", message)
        self._change({"waiting": {"reason": "CrashLoopBackOff", "message": message}})

    def _change(self, state: Obj) -> None:
        self.state = state
        self.tell("", "", "")

    # ------------------------------------------------------------ probes
    async def _probe(self, container: Container) -> None:
        if startup := self.spec.get("startupProbe"):
            started = asyncio.Event()
            gate = asyncio.create_task(probes.watch(startup, self._try(startup, container), self._heard_startup(started)))
            try:
                await started.wait()
            finally:
                gate.cancel()
            self.ready = not self.spec.get("readinessProbe")
            self.tell("", "", "")
        heard = {"readinessProbe": self._heard_readiness, "livenessProbe": self._heard_liveness}
        given = [(self.spec[kind], react) for kind, react in heard.items() if self.spec.get(kind)]
        await asyncio.gather(*(probes.watch(probe, self._try(probe, container), react) for probe, react in given))

    def _try(self, probe: Obj, container: Container) -> Callable[[], Any]:
        async def run(command: tuple[str, ...], limit: float) -> int:
            inside = Container(command, container.env, container.mounts, container.workdir)
            process = await Process.start(inside, self.sandbox, self.logs / "probes.log")
            try:
                return await asyncio.wait_for(process.wait(), limit)
            finally:
                await process.stop(0)

        return lambda: probes.attempt(probe, self.spec, self.reach, run)

    def _heard_startup(self, started: asyncio.Event) -> Callable[[bool, str], None]:
        def heard(good: bool, why: str) -> None:
            if good:
                started.set()
            else:
                self._heard_liveness(good, why)

        return heard

    def _heard_readiness(self, good: bool, why: str) -> None:
        self.ready = good
        if not good:
            self.tell("Warning", "Unhealthy", f"Readiness probe failed: {why}")
        self.tell("", "", "")

    def _heard_liveness(self, good: bool, why: str) -> None:
        if not good and self.process:
            self.tell("Warning", "Killing", f"Container {self.spec['name']} failed its probe and will be restarted: {why}")
            self.killer = asyncio.create_task(self.process.stop(self.grace))

    async def stop(self, grace: float) -> None:
        self.stopping = True
        if self.process:
            await self.process.stop(grace)
