"""Looking at a service of the app through the API server: a GET, its answer as it came, whatever its status."""

from dataclasses import dataclass
from typing import Any

LIMIT = 2**20  # bytes of an answer's body that are read


@dataclass(frozen=True, slots=True)
class Answered:
    """``body`` is the first LIMIT bytes. A status from 400 on may also be the API server's own, with a Status as body."""

    status: int
    body: bytes


def look(transport: Any, address: str, timeout: float) -> Answered:
    """Follows no redirect: that might lead out of the cluster. Raises urllib3's errors."""
    headers: dict[str, str] = {}
    transport.update_params_for_auth(headers, [], ["BearerToken"])
    pool, url = transport.rest_client.pool_manager, transport.configuration.host + address
    answer = pool.request("GET", url, headers=headers, timeout=timeout, redirect=False, retries=False, preload_content=False)
    try:
        return Answered(answer.status, answer.read(LIMIT))
    finally:
        answer.close()
