"""A pod's last words, fit for evidence: without the values of the namespace's Secrets."""

import base64
import binascii

from relight.errors import RelightError
from relight.recovery.cluster import ClusterApi, Object, Objects

LINES = 50
BYTES = 8192
SHORTEST_SECRET = 6  # what is shorter occurs in any text
REDACTED = "[redacted]"


def redacted_tail(cluster: ClusterApi, namespace: str, pod: Object) -> str:
    """The log's tail, or in brackets why there is none. When the Secrets cannot be read, no log is kept."""
    try:
        secrets = values(cluster.list("v1", "Secret", namespace))
        container = pod["spec"]["containers"][0]["name"] if pod.get("spec", {}).get("containers") else None
        text = cluster.pod_log(namespace, pod["metadata"]["name"], container=container, lines=LINES, limit=BYTES * 8)
    except RelightError as error:
        return f"[no log: {type(error).__name__}]"
    for value in secrets:
        text = text.replace(value, REDACTED)
    return text[-BYTES:]


def values(secrets: Objects) -> list[str]:
    """Every value of the Secrets, and each of its lines, longest first; as it is and as base64."""
    found: set[str] = set()
    for secret in secrets:
        for encoded in (secret.get("data") or {}).values():
            plain = _plain(str(encoded))
            found |= {str(encoded), plain, *plain.splitlines()}
    return sorted((value for value in found if len(value.strip()) >= SHORTEST_SECRET), key=len, reverse=True)


def _plain(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return encoded
