"""Looking at a service of the app through the API server: a GET, its answer as it came, whatever its status."""

from dataclasses import dataclass

from relight.adapters.kube_http import Wire

LIMIT = 2**20  # bytes of an answer's body that are read


@dataclass(frozen=True, slots=True)
class Answered:
    """``body`` is the first LIMIT bytes. A status from 400 on may also be the API server's own, with a Status as body."""

    status: int
    body: bytes


def look(wire: Wire, address: str, timeout: float) -> Answered:
    """Follows no redirect: that might lead out of the cluster. Raises what ``Wire.send`` does."""
    answer = wire.send("GET", address, [], {}, None, timeout)
    try:
        return Answered(answer.status, answer.read(LIMIT))
    finally:
        answer.close()
