"""Where readiness documents are: ``<evidence>/<app>/readiness/<time>.json``, and ``latest.json`` beside them."""

from datetime import datetime
from typing import Any

import msgspec

from relight.adapters.s3 import S3, join
from relight.errors import Conflict
from relight.model import canonical, encode, moment
from relight.readiness.records import Readiness

LATEST = "latest.json"
TRIES = 5


def keep(store: S3, bucket: str, readiness: Readiness) -> str:
    """Writes both; returns the URI of its own. ``latest.json`` moves by compare-and-swap, and never to an older one."""
    folder, document = place(bucket, readiness.app), canonical(encode(readiness))
    store.put(uri := join(folder, f"{readiness.checked_at}.json"), document)
    for last in range(TRIES, 0, -1):
        try:
            _move(store, join(folder, LATEST), document, readiness.checked_at)
            break
        except Conflict:
            if last == 1:
                raise
    return uri


def _move(store: S3, uri: str, document: bytes, checked_at: str) -> None:
    info = store.head(uri)
    if info is not None and _parsed(store.get_range(uri, 0, info.size, info.etag)).get("checked_at", "") > checked_at:
        return
    store.put(uri, document, if_absent=info is None, if_match=info.etag if info else None)


def latest(store: S3, bucket: str, app: str) -> dict[str, Any] | None:
    """The last document, None before the first check."""
    uri = join(place(bucket, app), LATEST)
    return _parsed(store.get(uri)) if store.head(uri) else None


def before(store: S3, bucket: str, app: str, at: str) -> dict[str, Any] | None:
    """The document as last known at that moment (RFC 3339)."""
    made = {one.uri: when for one in store.list(f"{place(bucket, app)}/") if (when := _made(one.uri))}
    known = [uri for uri, when in made.items() if when <= moment(at)]
    return _parsed(store.get(max(known, key=made.__getitem__))) if known else None


def _made(uri: str) -> datetime | None:
    try:
        return moment(uri.rpartition("/")[2].removesuffix(".json"))
    except ValueError:
        return None  # LATEST


def place(bucket: str, app: str) -> str:
    return f"s3://{bucket}/{app}/readiness"


def _parsed(data: bytes) -> dict[str, Any]:
    """One that cannot be read counts for nothing, and is written over."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
