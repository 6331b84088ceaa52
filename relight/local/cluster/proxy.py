"""The subresources that reach into pods: their logs, and HTTP to a pod or to a service's ready pods."""

import asyncio
import re
from typing import Any

import aiohttp
from aiohttp import web

from relight.local.cluster import refusals, requests
from relight.local.cluster.api import Api
from relight.local.cluster.kubelet.node import Node
from relight.local.cluster.requests import Target

Obj = dict[str, Any]
SECONDS = 60
HOP_BY_HOP = {"authorization", "connection", "host", "transfer-encoding", "content-length", "keep-alive", "upgrade"}
CHUNK = 64 * 1024


class PodAccess:
    def __init__(self, api: Api, node: Node) -> None:
        self.api, self.node = api, node

    # ------------------------------------------------------------ logs
    async def log(self, request: web.Request, where: Target) -> web.StreamResponse:
        pod = self.api.get(where.resource, where.namespace, where.name)
        container = _container(pod, request.query.get("container", ""))
        files = sorted(self.node.logs(pod).glob(f"{container}.*.log"), key=lambda path: int(path.suffixes[-2][1:]))
        previous = request.query.get("previous", "").lower() == "true"
        if previous and len(files) < 2:
            raise refusals.bad_request(f'previous terminated container "{container}" in pod "{where.name}" not found')
        if not files:
            self._refuse_early(pod, container)
        path = files[-2 if previous else -1] if files else None
        data = path.read_bytes() if path else b""
        lines = data.splitlines(keepends=True)
        if "tailLines" in request.query:
            wanted = requests.number(request, "tailLines")
            lines = lines[-wanted:] if wanted else []
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"".join(lines))
        if request.query.get("follow", "").lower() == "true" and path and not previous:
            await self._follow(response, where, path, len(data))
        return response

    def _refuse_early(self, pod: Obj, container: str) -> None:
        name = pod["metadata"]["name"]
        if pod.get("status", {}).get("phase", "Pending") == "Pending":
            raise refusals.bad_request(f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating')

    async def _follow(self, response: web.StreamResponse, where: Target, path: Any, at: int) -> None:
        """Sends what is added until the pod is over."""
        last = False
        while not last:
            pod = self.api.store.get("pods", where.namespace, where.name)
            last = pod is None or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
            data = path.read_bytes()[at:] if path.exists() else b""
            at += len(data)
            if data:
                await response.write(data)
            await asyncio.sleep(0.2)

    # ------------------------------------------------------------ HTTP
    async def proxy(self, request: web.Request, where: Target) -> web.StreamResponse:
        name, port = _named(where.name)
        plain = Target(where.resource, where.namespace, name)
        pod, number = self._service(plain, port) if where.resource.key == "services" else self._pod(plain, port)
        runner = self.node.runner(where.namespace, pod)
        if runner is None:
            raise refusals.Refusal(
                503, "ServiceUnavailable", f"no endpoints available for {where.resource.plural[:-1]} {where.name!r}"
            )
        connector, authority = runner.reach.connector(number)
        query = f"?{request.query_string}" if request.query_string else ""
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP}
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
                url, data = f"http://{authority}/{where.rest}{query}", await request.read()
                async with session.request(request.method, url, data=data, headers=headers, allow_redirects=False) as answer:
                    return await _relay(request, answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            why = f"error trying to reach service: {error or type(error).__name__}"
            raise refusals.Refusal(503, "ServiceUnavailable", why) from None

    def _service(self, where: Target, port: str) -> tuple[str, int]:
        service = self.api.get(where.resource, where.namespace, where.name)
        ports = service["spec"].get("ports") or ()
        chosen = next((one for one in ports if port in ("", one.get("name"), str(one["port"]))), None)
        endpoints = self.api.store.get("endpoints", where.namespace, where.name) or {}
        for subset in endpoints.get("subsets") or ():
            same = chosen is not None and subset["ports"][0].get("name") == chosen.get("name")
            if same and subset.get("addresses"):
                return subset["addresses"][0]["targetRef"]["name"], subset["ports"][0]["port"]
        raise refusals.Refusal(503, "ServiceUnavailable", f'no endpoints available for service "{where.name}"')

    def _pod(self, where: Target, port: str) -> tuple[str, int]:
        pod = self.api.get(where.resource, where.namespace, where.name)
        declared = [one for container in pod["spec"]["containers"] for one in container.get("ports") or ()]
        chosen = next((one for one in declared if port in ("", one.get("name"))), None)
        return where.name, int(port) if port.isdigit() else chosen["containerPort"] if chosen else 80


async def _relay(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP_BY_HOP}
    response = web.StreamResponse(status=answer.status, headers=kept)
    await response.prepare(request)
    async for chunk in answer.content.iter_chunked(CHUNK):
        await response.write(chunk)
    return response


def _container(pod: Obj, name: str) -> str:
    names = [one["name"] for group in ("containers", "initContainers") for one in pod["spec"].get(group) or ()]
    if not name and len(pod["spec"]["containers"]) > 1:
        shown = " ".join(one["name"] for one in pod["spec"]["containers"])
        raise refusals.bad_request(
            f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: [{shown}]"
        )
    if name and name not in names:
        raise refusals.bad_request(f"container {name} is not valid for pod {pod['metadata']['name']}")
    return name or names[0]


def _named(text: str) -> tuple[str, str]:
    """``[scheme:]name[:port]`` as name and port."""
    parts = re.sub(r"^https?:", "", text).split(":")
    return parts[0], parts[1] if len(parts) > 1 else ""
