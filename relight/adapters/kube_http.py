"""HTTP to the Kubernetes API: one request over a kept connection, its answer, its error as ours.

A cluster on this machine is reached as ``near`` finds it, by connections of our own. For all others the official client
reads the kubeconfig, so that its every kind of credential works, and its connection pool is used as it is; its layer of
generated models between the two costs more than a restored object takes.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3
import urllib3.exceptions

from relight.adapters.kube_kept import NothingAnswers
from relight.adapters.kube_near import Near, near
from relight.errors import ClusterNotReady, ClusterRefused, Conflict, RelightError, ServiceUnavailable, Throttled

NOT_FOUND = 404
OK = range(200, 300)
ERROR_BY_STATUS: dict[int, type[RelightError]] = {
    409: Conflict,
    429: Throttled,
    500: ServiceUnavailable,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServiceUnavailable,
}
ADVICE: dict[type[RelightError], str] = {
    Conflict: "somebody else changed it; read it again",
    Throttled: "the API is busy; try again later",
    ServiceUnavailable: "the API could not answer; try again",
    ClusterNotReady: "its kind or its namespace is not served yet; try again",
    ClusterRefused: "correct the object or the permission; repeating the request cannot help",
}
Query = list[tuple[str, str]]
Send = Callable[[str, str, bytes | None, dict[str, str], float], Any]  # method, address, body, headers, seconds; an answer
Way = tuple[Send, str, Callable[[], str]]  # sends a request; what comes before its address; who asks


class Wire:
    """Kept connections to one cluster, at most ``connections`` at rest. Safe for threads.

    Raises ClusterNotReady when the kubeconfig is missing or unusable.
    """

    def __init__(self, kubeconfig: Path | None, connections: int) -> None:
        with usable(kubeconfig):
            found = near(kubeconfig) if kubeconfig else None
            self._send, self._base, self._token = (
                _close_by(found, connections) if found else _official(kubeconfig, connections)
            )

    def send(self, method: str, address: str, query: Query, headers: dict[str, str], body: Any, timeout: float) -> Any:
        """The raw answer, its body not read. ``body``: plain JSON types, or None."""
        url = f"{self._base}{address}?{_encoded(tuple(query))}" if query else self._base + address
        data = None if body is None else msgspec.json.encode(body)
        given = headers | self._identity()
        return self._send(method, url, data, given, timeout)

    def _identity(self) -> dict[str, str]:
        """Asked for each time: a token may renew itself."""
        token = self._token()
        return {"Authorization": token} if token else {}


_encoded = lru_cache(64)(urlencode)  # of thousands of requests, most differ in the address alone


def _close_by(found: Near, connections: int) -> Way:
    token = f"Bearer {found.token}" if found.token else ""
    return found.connections(connections).send, "", lambda: token


def _official(kubeconfig: Path | None, connections: int) -> Way:
    try:
        from kubernetes import client, config  # seconds of CPU: only where it is needed
    except ImportError:
        raise ValueError("it is not as k3s writes it, and the official client is not installed") from None
    found = client.Configuration()
    try:
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=found)
        else:
            config.load_kube_config(str(kubeconfig), client_configuration=found, persist_config=False)
    except config.ConfigException as error:
        raise ValueError(error) from None
    found.connection_pool_maxsize, found.retries = connections, False
    found.no_proxy = ",".join(filter(None, (found.no_proxy, "127.0.0.1", "localhost")))
    manager: urllib3.PoolManager = client.ApiClient(found).rest_client.pool_manager
    base = found.host.rstrip("/")

    def token() -> str:
        return str((found.auth_settings().get("BearerToken") or {}).get("value") or "")

    if manager.proxy is not None:
        return _once(manager.urlopen), base, token
    # Its own pool: the manager would take the address apart again for every request.
    return _once(manager.connection_from_url(base).urlopen), urlsplit(base).path, token


def _once(urlopen: Callable[..., Any]) -> Send:
    def send(method: str, url: str, body: bytes | None, headers: dict[str, str], timeout: float) -> Any:
        given = {"body": body, "headers": headers, "timeout": timeout}
        return urlopen(method, url, retries=False, redirect=False, preload_content=False, **given)

    return send


@contextmanager
def usable(kubeconfig: Path | None) -> Iterator[None]:
    import yaml

    try:
        yield
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())[:200]  # a half-written file fails in many ways
        what = f"kubeconfig {kubeconfig}" if kubeconfig else "the pod's own service account"
        raise ClusterNotReady(f"{what} cannot be used: {why}; wait for it or correct it") from None


def refusal(what: str, answer: Any, missing: type[RelightError]) -> RelightError:
    """The error that an answer stands for. ``missing``: what a 404 means to the caller."""
    kind = missing if answer.status == NOT_FOUND else ERROR_BY_STATUS.get(answer.status, ClusterRefused)
    return kind(f"{what}: {answer.status} {_reason(answer)}; {ADVICE[kind]}")


@contextmanager
def translated(what: str) -> Iterator[None]:
    try:
        yield
    except (NothingAnswers, urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
        raise ClusterNotReady(f"{what}: nothing answers at the cluster's address; wait until it is up") from None
    except (urllib3.exceptions.HTTPError, HTTPException, msgspec.DecodeError, OSError) as error:
        raise ServiceUnavailable(f"{what}: {type(error).__name__}; {ADVICE[ServiceUnavailable]}") from None


def _reason(answer: Any) -> str:
    """The API's own message, cut: it may quote a whole object."""
    try:
        return str(json.loads(answer.data)["message"])[:300]
    except (ValueError, TypeError, KeyError):
        return str(answer.reason)[:300]


def stream_lines(answer: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in answer.stream(amt=None, decode_content=False):
        *full, rest = (rest + chunk).split(b"\n")
        yield from filter(None, full)


def only_tried(wanted: bool) -> Query:
    return [("dryRun", "All")] if wanted else []


def selectors(labels: str, fields: str) -> Query:
    return [(key, value) for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value]
