"""Readiness, liveness and startup probes: one attempt each, and how attempts add up to a state."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

Obj = dict[str, Any]
Run = Callable[[tuple[str, ...], float], Awaitable[int]]
FAILURES = (OSError, TimeoutError, aiohttp.ClientError)


class Reach:
    """How the node reaches a pod's ports: at its address, through its border's sockets where it has a network of its own."""

    def __init__(self, address: str, directory: Path | None) -> None:
        self.address, self.directory = address, directory

    def connector(self, port: int) -> tuple[aiohttp.BaseConnector, str]:
        """A connector and the URL's authority for it."""
        if self.directory is not None:
            return aiohttp.UnixConnector(str(self.directory / f"in-{port}")), f"{self.address}:{port}"
        return aiohttp.TCPConnector(), f"{self.address}:{port}"

    async def open(self, port: int) -> bool:
        """Whether something listens: behind the border a refused connection shows as one that ends at once."""
        if self.directory is None:
            _, writer = await asyncio.open_connection(self.address, port)
            writer.close()
            return True
        reader, writer = await asyncio.open_unix_connection(self.directory / f"in-{port}")
        try:
            return bool(await asyncio.wait_for(reader.read(1), 0.2))
        except TimeoutError:
            return True
        finally:
            writer.close()


def number(port: Any, container: Obj) -> int:
    """A probe's port: a number, or the name of one of the container's. Raises OSError for an unknown name."""
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    named = {one.get("name"): one["containerPort"] for one in container.get("ports") or ()}
    if port not in named:
        raise OSError(f"the container has no port named {port!r}")
    return int(named[port])


async def attempt(probe: Obj, container: Obj, reach: Reach, run: Run) -> str:
    """Empty where the probe succeeded, else why it failed."""
    limit = float(probe.get("timeoutSeconds", 1))
    try:
        if "httpGet" in probe:
            return await _http(probe["httpGet"], container, reach, limit)
        if "tcpSocket" in probe:
            async with asyncio.timeout(limit):
                return "" if await reach.open(number(probe["tcpSocket"]["port"], container)) else "connection refused"
        if "exec" in probe:
            code = await run(tuple(probe["exec"].get("command") or ()), limit)
            return "" if code == 0 else f"the command ended with {code}"
    except FAILURES as error:
        return str(error) or type(error).__name__
    return "probes of this kind do not exist in the emulated cluster"


async def _http(given: Obj, container: Obj, reach: Reach, limit: float) -> str:
    connector, authority = reach.connector(number(given["port"], container))
    headers = {one["name"]: one["value"] for one in given.get("httpHeaders") or ()}
    timeout = aiohttp.ClientTimeout(total=limit)
    url = f"http://{authority}{given.get('path', '/')}"
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        return "" if 200 <= response.status < 400 else f"HTTP probe failed with statuscode: {response.status}"


async def watch(probe: Obj, tries: Callable[[], Awaitable[str]], changed: Callable[[bool, str], None]) -> None:
    """Probes for ever; ``changed`` hears each time the thresholds turn success to failure or back, and the first result."""
    await asyncio.sleep(float(probe.get("initialDelaySeconds", 0)))
    good = bad = 0
    state: bool | None = None
    while True:
        why = await tries()
        good, bad = (0, bad + 1) if why else (good + 1, 0)
        verdict = True if good >= probe["successThreshold"] else False if bad >= probe["failureThreshold"] else state
        if verdict is not None and verdict != state:
            state = verdict
            changed(verdict, why)
        # The first success is waited for more eagerly than the period says, as a kubelet does at start-up.
        await asyncio.sleep(probe["periodSeconds"] if state else min(0.3, probe["periodSeconds"]))
