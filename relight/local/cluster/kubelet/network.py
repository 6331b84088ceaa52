"""Which network a pod gets, and what may leave it."""

import asyncio
import contextlib
import os
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from uuid import UUID

from relight.local.cluster.selectors import selects
from relight.local.cluster.store import Store

Obj = dict[str, Any]
POD_CIDR = "127.0.0.0/8"
LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost):(\d{1,5})")


def address_of(pod: Obj) -> str:
    """A loopback address of the pod's own, so that pods on the host's network can listen on the same port."""
    if pod["spec"].get("hostNetwork"):
        return "127.0.0.1"
    number = UUID(pod["metadata"]["uid"]).int % 2**24 | 2**16
    return str(ip_network(POD_CIDR)[number])


def egress_policies(store: Store, pod: Obj) -> list[Obj]:
    policies = store.objects("networkpolicies.networking.k8s.io", pod["metadata"]["namespace"])
    return [
        one["spec"]
        for one in policies
        if "Egress" in one["spec"]["policyTypes"] and selects(one["spec"].get("podSelector"), pod)
    ]


def may_reach(store: Store, pod: Obj, address: str) -> bool:
    """Whether the pod's policies let it reach an address: no policy of type Egress, or one whose rule has it."""
    policies = egress_policies(store, pod)
    rules = [rule for policy in policies for rule in policy.get("egress") or ()]
    return not policies or any(_admits(rule, address) for rule in rules)


def _admits(rule: Obj, address: str) -> bool:
    blocks = [peer["ipBlock"] for peer in rule.get("to") or () if "ipBlock" in peer]
    return not rule.get("to") or any(_within(block, address) for block in blocks)


def _within(block: Obj, address: str) -> bool:
    ip = ip_address(address)
    return ip in ip_network(block["cidr"]) and not any(ip in ip_network(one) for one in block.get("except") or ())


def container_ports(pod: Obj) -> tuple[int, ...]:
    containers = pod["spec"]["containers"]
    declared = {port["containerPort"] for container in containers for port in container.get("ports") or ()}
    return tuple(sorted(declared))


def wants_own(store: Store, pod: Obj) -> bool:
    """Containers of one pod must share a network, which ours do only on the host's: a pod of several stays there."""
    alone = len(pod["spec"]["containers"]) == 1 and not pod["spec"].get("hostNetwork")
    return alone and bool(container_ports(pod) or egress_policies(store, pod))


def loopback_ports(env: dict[str, str], own: tuple[int, ...]) -> tuple[int, ...]:
    """The loopback ports that the environment names, and that are not the pod's own."""
    named = {int(port) for value in env.values() for port in LOOPBACK.findall(value)}
    return tuple(sorted(port for port in named if port < 65_536 and port not in own))


class Gate:
    """Carries connections out of one pod's network, each only if the pod's policies allow it at that moment.

    ``door`` is ``directory`` under a name that is short enough for the path of a unix socket.
    """

    def __init__(self, store: Store, pod: Obj, directory: Path) -> None:
        self.store, self.pod, self.directory = store, pod, directory
        directory.mkdir(parents=True, exist_ok=True)
        self.handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self.door = Path(f"/proc/self/fd/{self.handle}")
        self.servers: dict[int, asyncio.Server] = {}

    async def open(self, ports: tuple[int, ...]) -> None:
        for port in ports:
            if port not in self.servers:
                (self.directory / f"out-{port}").unlink(missing_ok=True)
                self.servers[port] = await asyncio.start_unix_server(self._carrier(port), self.door / f"out-{port}")

    def close(self) -> None:
        """Safe to call twice."""
        for server in self.servers.values():
            server.close()
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1

    def _carrier(self, port: int) -> Any:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                if may_reach(self.store, self.pod, "127.0.0.1"):
                    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                    await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            writer.close()

        return carry


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
