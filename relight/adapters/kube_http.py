"""HTTP to the Kubernetes API through the official client's transport: one request, its answer, its error as ours."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from relight.errors import ClusterNotReady, ClusterRefused, Conflict, RelightError, ServiceUnavailable, Throttled

NOT_FOUND = 404
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
    ClusterRefused: "correct the object or the permission; repeating the request cannot help",
}


def open_transport(kubeconfig: Path, connections: int) -> Any:
    """The official client's transport. Raises ClusterNotReady when the kubeconfig is missing or unusable."""
    from kubernetes import client, config  # two seconds of CPU: only when a request is made

    settings = client.Configuration()
    try:
        config.load_kube_config(str(kubeconfig), client_configuration=settings, persist_config=False)
    except (config.ConfigException, OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())[:200]  # a half-written file fails in many ways
        raise ClusterNotReady(f"kubeconfig {kubeconfig} cannot be used: {why}; wait for it or correct it") from None
    settings.connection_pool_maxsize, settings.retries = connections, False
    settings.no_proxy = ",".join(filter(None, (settings.no_proxy, "127.0.0.1", "localhost")))
    return client.ApiClient(settings)


def ask(
    transport: Any, method: str, address: str, query: Any, headers: Any, body: Any, timeout: float, missing: bool
) -> Any:
    from kubernetes.client import ApiException

    try:
        return transport.call_api(
            address,
            method,
            query_params=query,
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=timeout,
        )
    except ApiException as error:
        if missing and error.status == NOT_FOUND:
            return None
        raise


@contextmanager
def translated(what: str) -> Iterator[None]:
    import urllib3.exceptions
    from kubernetes.client import ApiException

    try:
        yield
    except ApiException as error:
        kind = ERROR_BY_STATUS.get(error.status or 503, ClusterRefused)
        raise kind(f"{what}: {error.status} {_reason(error)}; {ADVICE[kind]}") from None
    except urllib3.exceptions.NewConnectionError:
        raise ClusterNotReady(f"{what}: nothing answers at the cluster's address; wait until it is up") from None
    except (urllib3.exceptions.HTTPError, json.JSONDecodeError, OSError) as error:
        raise ServiceUnavailable(f"{what}: {type(error).__name__}; {ADVICE[ServiceUnavailable]}") from None


def _reason(error: Any) -> str:
    """The API's own message, cut: it may quote a whole object."""
    try:
        return str(json.loads(error.body)["message"])[:300]
    except (ValueError, TypeError, KeyError):
        return str(error.reason)[:300]


def stream_lines(answer: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in answer.stream(amt=None, decode_content=False):
        *full, rest = (rest + chunk).split(b"\n")
        yield from filter(None, full)
