"""A pod's life on the node: its volumes, its containers in order, its status, its end."""

import asyncio
import contextlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relight import settings
from relight.local.cluster import refusals
from relight.local.cluster.accounts import Accounts
from relight.local.cluster.api import Api
from relight.local.cluster.controllers.base import record
from relight.local.cluster.kubelet import network
from relight.local.cluster.kubelet.containers import ContainerRunner
from relight.local.cluster.kubelet.environment import NotThere, base, expanded, variables
from relight.local.cluster.kubelet.mounts import Volumes, mounts
from relight.local.cluster.kubelet.probes import Reach
from relight.local.cluster.kubelet.sandbox import Container, Network, Sandbox
from relight.local.cluster.options import now

Obj = dict[str, Any]
IMAGE = re.compile(
    r"(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
PYTHON = ("python", "python3")


@dataclass(slots=True)
class Host:
    """What every pod of the node shares. ``address``: the API's, once it listens."""

    api: Api
    accounts: Accounts
    home: Path
    allowed: tuple[Path, ...]
    sandbox: Sandbox
    pod_seconds: float = 0.0
    address: tuple[str, int] = ("127.0.0.1", 0)


class PodRunner:
    def __init__(self, host: Host, pod: Obj) -> None:
        self.host, self.pod, self.uid = host, pod, pod["metadata"]["uid"]
        self.home = host.home / self.uid
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        private = host.sandbox.networks and network.wants_own(host.api.store, pod)
        self.gate = network.Gate(host.api.store, pod, self.home / "net") if private else None
        self.address = network.address_of(pod)
        self.reach = Reach(self.address, self.gate.door if self.gate else None)
        self.volumes: dict[str, Path] = {}
        self.started = now()
        self.runners: list[ContainerRunner] = []
        self.initial: list[ContainerRunner] = []
        self.outcome = ""
        self.task: asyncio.Task[None] | None = None
        self.stopping = False

    def start(self) -> None:
        self.task = asyncio.create_task(self._live())

    async def _live(self) -> None:
        spec, policy = self.pod["spec"], self.pod["spec"]["restartPolicy"]
        self.initial = [
            self._runner(one, "Never" if policy == "Never" else "OnFailure") for one in spec.get("initContainers") or ()
        ]
        self.runners = [self._runner(one, policy) for one in spec["containers"]]
        for note in self.host.sandbox.missing:
            self.tell("Warning", "Emulated", note)
        self.publish()
        if not await self._prepared() or not await self._initialised():
            return
        await asyncio.gather(*(runner.run() for runner in self.runners))
        self._conclude()

    def _runner(self, spec: Obj, policy: str) -> ContainerRunner:
        return ContainerRunner(
            spec=spec,
            restart_policy=policy,
            sandbox=self.host.sandbox,
            logs=self.home / "logs",
            make=self._maker(spec),
            reach=self.reach,
            tell=self.tell,
            grace=float(self.pod["spec"]["terminationGracePeriodSeconds"]),
        )

    async def _prepared(self) -> bool:
        await asyncio.sleep(self.host.pod_seconds)
        while not self.stopping:
            try:
                self.volumes = self._volumes().prepare()
                if self.gate:
                    await self._open(self.gate)
            except NotThere as error:
                self.tell("Warning", "FailedMount", f"MountVolume.SetUp failed: {error}")
                await asyncio.sleep(0.3)
            else:
                return True
        return False

    def _volumes(self) -> Volumes:
        account = self.pod["metadata"]["namespace"], self.pod["spec"]["serviceAccountName"]
        return Volumes(self.host.api.store, self.pod, self.home, self.host.allowed, self.host.accounts.token(*account))

    async def _open(self, gate: network.Gate) -> None:
        ports: set[int] = set()
        for spec in [*(self.pod["spec"].get("initContainers") or ()), *self.pod["spec"]["containers"]]:
            with contextlib.suppress(NotThere):
                ports |= set(network.loopback_ports(self._env(spec), network.container_ports(self.pod)))
        await gate.open(tuple(ports))

    async def _initialised(self) -> bool:
        for runner in self.initial:
            await runner.run()
            if runner.exit_code != 0:
                self._conclude()
                return False
        return not self.stopping

    # ------------------------------------------------------------ what a container is
    def _env(self, spec: Obj) -> dict[str, str]:
        given = base(self.pod, Path(sys.executable), settings.environment(), self.host.address)
        return variables(self.host.api.store, self.pod_now(), spec, given)

    def _maker(self, spec: Obj) -> Callable[[], Container]:
        def make() -> Container:
            if not IMAGE.fullmatch(spec["image"]):
                raise NotThere(f'failed to apply default image tag "{spec["image"]}": couldn\'t parse image name')
            env = self._env(spec)
            words = [expanded(word, env) for word in [*(spec.get("command") or ()), *(spec.get("args") or ())]]
            if not spec.get("command"):
                raise NotThere("the emulated cluster has no images: a container must name its command")
            if Path(words[0]).name in PYTHON:
                words[0] = sys.executable
            own = None
            if self.gate:
                own = Network(self.gate.directory, self.address, network.container_ports(self.pod), tuple(self.gate.servers))
            return Container(tuple(words), env, mounts(spec, self.volumes, env), spec.get("workingDir", ""), own)

        return make

    def pod_now(self) -> Obj:
        meta = self.pod["metadata"]
        live = self.host.api.store.get("pods", meta["namespace"], meta["name"]) or self.pod
        return live | {"status": (live.get("status") or {}) | {"podIP": self.address, "hostIP": "127.0.0.1"}}

    # ------------------------------------------------------------ status
    def tell(self, kind: str, reason: str, message: str) -> None:
        if reason:
            with contextlib.suppress(refusals.Refusal):
                record(self.host.api, self.pod, kind, reason, message)
        self.publish()

    def publish(self) -> None:
        ready = bool(self.runners) and all(runner.ready for runner in self.runners)
        initialised = all(runner.exit_code == 0 for runner in self.initial)
        states = {"PodScheduled": True, "Initialized": initialised, "ContainersReady": ready, "Ready": ready}
        was = {one["type"]: one for one in self.pod_now()["status"].get("conditions") or ()}
        status: Obj = {
            "phase": self._phase(),
            "conditions": [_condition(kind, state, was.get(kind)) for kind, state in states.items()],
            "hostIP": "127.0.0.1",
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": self.started,
            "qosClass": "BestEffort",
            "containerStatuses": [runner.status() for runner in self.runners],
        }
        if self.initial:
            status["initContainerStatuses"] = [runner.status() for runner in self.initial]
        if self.host.sandbox.missing:
            status["message"] = "emulated: " + "; ".join(self.host.sandbox.missing)
        self.host.api.set_status("pods", self.pod, status)

    def _phase(self) -> str:
        if self.outcome:
            return self.outcome
        begun = any("waiting" not in runner.state or runner.restarts or runner.last for runner in self.runners)
        return "Running" if begun else "Pending"

    def _conclude(self) -> None:
        codes = [runner.exit_code for runner in (*self.initial, *self.runners)]
        self.outcome = "Succeeded" if all(code == 0 for code in codes) else "Failed"
        if self.gate:
            self.gate.close()
        self.publish()

    # ------------------------------------------------------------ the end
    async def stop(self, grace: float) -> None:
        """Ends all processes within ``grace`` seconds and frees what the pod had."""
        self.stopping = True
        await asyncio.gather(*(runner.stop(grace) for runner in (*self.initial, *self.runners)))
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        # Whatever was started between the two lines above is ended too.
        await asyncio.gather(*(runner.stop(0) for runner in (*self.initial, *self.runners)))
        if self.gate:
            self.gate.close()

    def final(self) -> None:
        if not self.outcome:
            self._conclude()


def _condition(kind: str, state: bool, was: Obj | None) -> Obj:
    text = str(state)
    since = was["lastTransitionTime"] if was and was["status"] == text else now()
    reason = {} if state else {"reason": "ContainersNotReady"}
    return {"type": kind, "status": text, "lastProbeTime": None, "lastTransitionTime": since} | reason
