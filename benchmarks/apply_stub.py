"""A Kubernetes API that does nothing but answer, each request after a fixed time: what is measured is the client.

python -m benchmarks.apply_stub SECONDS    # prints its port
"""

import asyncio
import json
import sys

CORE = {"configmaps": "ConfigMap", "namespaces": "Namespace"}
POLICIES = {"networkpolicies": "NetworkPolicy"}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def _resources(version: str, kinds: dict[str, str]) -> dict[str, object]:
    rows = [
        {"name": name, "singularName": kind.lower(), "namespaced": kind != "Namespace", "kind": kind, "verbs": VERBS}
        for name, kind in kinds.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows}


_NETWORKING = {"groupVersion": "networking.k8s.io/v1", "version": "v1"}
GROUPS = [{"name": "networking.k8s.io", "versions": [_NETWORKING], "preferredVersion": _NETWORKING}]
ANSWERS: dict[bytes, bytes] = {
    path: json.dumps(answer).encode()
    for path, answer in {
        b"/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        b"/api": {"kind": "APIVersions", "versions": ["v1"]},
        b"/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": GROUPS},
        b"/api/v1": _resources("v1", CORE),
        b"/apis/networking.k8s.io/v1": _resources("networking.k8s.io/v1", POLICIES),
    }.items()
}
LISTED = (b"/configmaps", b"/namespaces", b"/networkpolicies")
LIST = b'{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}'
MISSING = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}'


class Stub(asyncio.Protocol):
    """HTTP/1.1 with kept connections and whole bodies by Content-Length, no more."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.buffer = seconds, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end])
            at = head.lower().find(b"\r\ncontent-length:")
            size = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + size])
            del self.buffer[: end + 4 + size]
            asyncio.get_running_loop().call_later(self.seconds, self._answer, head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method, path = head.split(b" ", 2)[:2]
        path = path.partition(b"?")[0]
        status, said = b"200 OK", body
        if method != b"PATCH":
            said = ANSWERS.get(path) or (LIST if path.endswith(LISTED) else b"")
            status = b"200 OK" if said else b"404 Not Found"
        said = said or MISSING
        top = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(said))
        self.transport.write(top + said)


async def serve(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(seconds), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
