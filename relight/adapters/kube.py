"""The Kubernetes API with plain dicts: one small client.

The official dynamic client is not used for discovery: it keeps its cache in a shared temporary file named after the
host, is not safe for threads, and asks without a time limit.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from relight.adapters.kube_address import Resource
from relight.adapters.kube_discovery import Discovery
from relight.adapters.kube_http import NOT_FOUND, OK, Query, Wire, only_tried, refusal, selectors, stream_lines, translated
from relight.adapters.kube_proxy import Answered, look
from relight.errors import ClusterNotReady, ClusterRefused, RelightError, ServiceUnavailable

Object = dict[str, Any]
Objects = list[Object]

FIELD_MANAGER = "relight"
REQUEST_SECONDS = 15.0
PAGE = 500
JSON = "application/json"
BRIEF = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Cluster:
    """One cluster, named by a kubeconfig; None: the one that this pod runs in, as its service account.

    Safe for threads; every request is bounded by ``timeout`` seconds.

    Every method raises Conflict, Throttled, ServiceUnavailable, ClusterNotReady (retryable) or ClusterRefused.
    """

    def __init__(self, kubeconfig: Path | None, *, timeout: float = REQUEST_SECONDS, connections: int = 32) -> None:
        self._kubeconfig, self._timeout, self._connections = kubeconfig, timeout, connections
        self._lock = threading.Lock()
        self._served = Discovery(self._found)

    # ------------------------------------------------------------ objects
    def apply(self, obj: Object, *, field_manager: str = FIELD_MANAGER, force: bool = True, dry_run: bool = False) -> Object:
        """Server-side apply; returns the object as the API now has it."""
        query = [("fieldManager", field_manager), ("force", json.dumps(force)), *only_tried(dry_run)]
        address = self._address_of(obj, obj["metadata"]["name"])
        return self._json("PATCH", address, query, body=obj, content=APPLY, missing=ClusterNotReady)

    def create(self, obj: Object, *, dry_run: bool = False) -> Object:
        """Raises Conflict when it exists already."""
        query = [("fieldManager", FIELD_MANAGER), *only_tried(dry_run)]
        return self._json("POST", self._address_of(obj), query, body=obj, missing=ClusterNotReady)

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Object | None:
        return self._found(self.resource(api_version, kind).address(namespace, name), missing_ok=True)

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        brief: bool = False,
    ) -> Objects:
        """Every object of the kind, page by page; each carries its own apiVersion and kind. ``brief``: metadata alone."""
        address = self.resource(api_version, kind).address(namespace)
        found: Objects = []
        token = ""
        while True:
            query = selectors(labels, fields) + [("limit", str(PAGE))] + ([("continue", token)] if token else [])
            page = self._json("GET", address, query, accept=BRIEF if brief else JSON)
            items = page.get("items") or []
            found += [(_brief(item) if brief else item) | {"apiVersion": api_version, "kind": kind} for item in items]
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return found

    def delete(
        self, api_version: str, kind: str, namespace: str | None, name: str, *, propagation: str = "Background"
    ) -> bool:
        """True when it was there. Repeating it is harmless."""
        address = self.resource(api_version, kind).address(namespace, name)
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        with self._answer("DELETE", address, body=body, missing_ok=True) as answer:
            if answer is not None:
                answer.read()
            return answer is not None

    def patch(self, api_version: str, kind: str, namespace: str | None, name: str, patch: Object) -> Object:
        """JSON merge patch."""
        query = [("fieldManager", FIELD_MANAGER)]
        return self._json(
            "PATCH", self.resource(api_version, kind).address(namespace, name), query, body=patch, content=MERGE
        )

    def watch(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        seconds: float,
        labels: str = "",
        fields: str = "",
    ) -> Iterator[tuple[str, Object]]:
        """(type, object) for each change, for at most ``seconds``. Raises ServiceUnavailable when the watch expires."""
        address = self.resource(api_version, kind).address(namespace)
        query = [*selectors(labels, fields), ("watch", "1"), ("timeoutSeconds", str(max(1, int(seconds))))]
        with self._answer("GET", address, query, timeout=seconds + self._timeout) as answer:
            for line in stream_lines(answer):
                event = msgspec.json.decode(line)
                if event["type"] == "ERROR":
                    raise ServiceUnavailable(f"the watch of {kind} ended: {event['object'].get('message', '')}; list again")
                yield event["type"], event["object"]

    def pod_log(
        self, namespace: str, pod: str, *, container: str | None = None, lines: int = 100, limit: int = 65_536
    ) -> str:
        """The last ``lines`` lines, at most ``limit`` bytes of them."""
        query = [("tailLines", str(lines)), *([("container", container)] if container else [])]
        address = self.resource("v1", "Pod").address(namespace, pod, "log")
        with self._answer("GET", address, query) as answer:
            return str(answer.data[-limit:].decode("utf-8", "replace"))

    def proxy(self, namespace: str, service: str, path: str) -> Answered:
        """GETs ``path`` of a service (``name`` or ``name:port``): what it answers, or what the API answers in its place."""
        address = f"{self.resource('v1', 'Service').address(namespace, service, 'proxy')}/{path.lstrip('/')}"
        wire = self._wire()
        with translated(f"GET {address}"):
            return look(wire, address, self._timeout)

    # ------------------------------------------------------------ the cluster itself
    def version(self) -> Object:
        """The server's version info, and ``emulated``: true when the server says that it is not a real cluster."""
        info = self._json("GET", "/version")
        return info | {"emulated": "+emulated" in info.get("gitVersion", "")}

    def ready(self) -> bool:
        """Whether the API answers /readyz; an API that is not there yet is simply not ready."""
        try:
            with self._answer("GET", "/readyz", timeout=2) as answer:
                return bool(answer.data)
        except RelightError:
            return False

    def resources(self) -> Sequence[Resource]:
        """See ``Discovery``."""
        return self._served.resources()

    def resource(self, api_version: str, kind: str) -> Resource:
        """See ``Discovery``."""
        return self._served.resource(api_version, kind)

    def delegated(self, api_version: str) -> bool:
        """See ``Discovery``."""
        return self._served.delegated(api_version)

    @property
    def silent(self) -> Mapping[str, str]:
        """See ``Discovery``."""
        return self._served.silent

    # ------------------------------------------------------------ requests
    @cached_property
    def _opened(self) -> Wire:
        return Wire(self._kubeconfig, self._connections)

    def _wire(self) -> Wire:
        with self._lock:
            return self._opened

    def _address_of(self, obj: Object, name: str | None = None) -> str:
        return self.resource(obj["apiVersion"], obj["kind"]).address(obj["metadata"].get("namespace"), name)

    def _found(self, address: str, *, missing_ok: bool = False) -> Object | None:
        with self._answer("GET", address, missing_ok=missing_ok) as answer:
            found: Object | None = msgspec.json.decode(answer.data) if answer is not None else None
            return found

    def _json(self, method: str, address: str, query: Query | None = None, **more: Any) -> Object:
        with self._answer(method, address, query, **more) as answer:
            found: Object = msgspec.json.decode(answer.data)
            return found

    @contextmanager
    def _answer(
        self,
        method: str,
        address: str,
        query: Query | None = None,
        *,
        body: Any = None,
        content: str = JSON,
        accept: str = JSON,
        timeout: float | None = None,
        missing_ok: bool = False,
        missing: type[RelightError] = ClusterRefused,
    ) -> Iterator[Any]:
        """The raw response, released at the end; None for a 404 where that is an answer, else ``missing`` is raised."""
        headers = {"Accept": accept, "Content-Type": content, "User-Agent": FIELD_MANAGER}
        wire = self._wire()
        with translated(what := f"{method} {address}"):
            answer = wire.send(method, address, query or [], headers, body, timeout or self._timeout)
            try:
                if missing_ok and answer.status == NOT_FOUND:
                    answer.drain_conn()
                    yield None
                elif answer.status not in OK:
                    raise refusal(what, answer, missing)
                else:
                    yield answer
            finally:
                answer.close()  # a whole answer has given its connection back already; half of one must not


def _brief(item: Object) -> Object:
    """An API that knows no brief form answers with whole objects."""
    return {"metadata": item["metadata"]}
