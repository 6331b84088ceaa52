"""Puts the cluster together: store, API, controllers, node, and the HTTPS server on the loopback address."""

import asyncio
import contextlib
import logging
import signal
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from relight.errors import PortTaken
from relight.local.cluster import refusals
from relight.local.cluster.access import certificate, kubeconfig
from relight.local.cluster.accounts import Accounts
from relight.local.cluster.api import Api
from relight.local.cluster.controllers import Manager, all_controllers
from relight.local.cluster.journal import Journal
from relight.local.cluster.kinds import Kinds
from relight.local.cluster.kubelet.node import Node
from relight.local.cluster.kubelet.pods import Host
from relight.local.cluster.kubelet.sandbox import detect
from relight.local.cluster.proxy import PodAccess
from relight.local.cluster.routes import Routes
from relight.local.cluster.store import Store
from relight.local.processes import watch_lifeline

HOST = "127.0.0.1"
LARGEST_BODY = 16 * 2**20
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
STORAGE = {
    "metadata": {"name": "local-path", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "rancher.io/local-path",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "WaitForFirstConsumer",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arguments:
    """How a cluster is started; ``host_paths`` are the roots below which pods may mount the host's directories.
    ``answers_at``: epoch seconds before which it does not answer; what this process takes to start is a part of that."""

    data: Path
    kubeconfig: Path
    name: str = "relight"
    port: int = 0
    host_paths: tuple[Path, ...] = ()
    lifeline: bool = False
    answers_at: float = 0.0
    pod_seconds: float = 0.0


async def serve(arguments: Arguments) -> None:
    """Runs a cluster until SIGTERM or SIGINT, or with a lifeline until its parent is gone. Raises PortTaken."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.lifeline:
        watch_lifeline(lambda: loop.call_soon_threadsafe(stop.set))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, arguments.answers_at - time.time()))
    async with cluster(arguments):
        await stop.wait()


@contextlib.asynccontextmanager
async def cluster(arguments: Arguments) -> AsyncIterator[Api]:
    """A running cluster; at the end its pods' processes are gone; its objects are kept."""
    data = arguments.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    api = Api(Store(), Kinds())
    journal = Journal(api.store, data)
    journal.open()
    for crd in api.store.objects("customresourcedefinitions.apiextensions.k8s.io"):
        api.kinds.establish(crd)
    allowed = tuple(path.resolve() for path in arguments.host_paths) or (data.parent,)
    accounts = Accounts(api.store, data / "requests.jsonl")
    cert, key = certificate(data)
    api.root = cert.read_text(encoding="ascii")
    node = Node(Host(api, accounts, data / "pods", allowed, detect(), arguments.pod_seconds))
    manager = Manager(api, [*all_controllers(api, data / "volumes"), node])
    _furnish(api, node)
    api.store.history.clear()  # as in a real server, a watch cannot begin before the server did
    try:
        async with _listening(api, accounts, node, (cert, key), arguments) as address:
            node.host.address = address
            manager.start()
            try:
                yield api
            finally:
                manager.stop()
                await node.stop()
    finally:
        journal.close()


def _furnish(api: Api, node: Node) -> None:
    for name in NAMESPACES:
        with contextlib.suppress(refusals.Refusal):
            api.create(api.kinds["namespaces"], "", {"metadata": {"name": name}})
    with contextlib.suppress(refusals.Refusal):
        api.create(api.kinds["storageclasses.storage.k8s.io"], "", {**STORAGE})
    for name, value in PRIORITIES.items():
        with contextlib.suppress(refusals.Refusal):
            api.create(api.kinds["priorityclasses.scheduling.k8s.io"], "", {"metadata": {"name": name}, "value": value})
    node.register()


@contextlib.asynccontextmanager
async def _listening(
    api: Api, accounts: Accounts, node: Node, pair: tuple[Path, Path], arguments: Arguments
) -> AsyncIterator[tuple[str, int]]:
    """The server's address and port. ``pair``: the files of its certificate and key."""
    pods = PodAccess(api, node)
    routes = Routes(api, accounts, {"log": pods.log, "proxy": pods.proxy})
    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", routes.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    site = web.TCPSite(runner, HOST, arguments.port, ssl_context=context)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise PortTaken(f"port {arguments.port}", "is in use by another process", "choose another, or 0 for any") from None
    port = runner.addresses[0][1]
    kubeconfig(arguments.kubeconfig, arguments.name, f"https://{HOST}:{port}", accounts.root, pair[0])
    log.info("cluster %s (emulated) serves on https://%s:%s", arguments.name, HOST, port)
    try:
        yield HOST, port
    finally:
        await runner.cleanup()
