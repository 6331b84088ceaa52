"""What only one of the two sites has: why handing back would lose something, and what the promoted site published."""

from datetime import datetime, timedelta

import msgspec

from relight.adapters.s3 import S3, join
from relight.adapters.table import Table
from relight.config import App
from relight.evidence.binding import digest
from relight.model import Run, moment, timestamp
from relight.promotion.pointer import moved

AFTER_THE_FREEZE = timedelta(seconds=30)  # what the runner's clock and S3's may differ by
PUBLICATIONS = ("pointer", "marker")


def blocking(store: S3, table: Table, run: Run, app: App | None, frozen_at: str | None = None) -> list[str]:
    """Why handing back would lose something, in words. ``frozen_at``: since when the promoted site writes nothing more.

    ``app`` None: it is deployed no more, and only the pointers can be looked at.
    """
    found = [f"{uri} was moved by somebody else" for uri in moved(store, table, run)]
    if app and frozen_at:
        since = moment(frozen_at) + AFTER_THE_FREEZE
        found += [f"{uri} was published at {timestamp(at)}, after the freeze" for uri, at in _published(store, app, since)]
    return found


def published(store: S3, app: App, since: str) -> list[str]:
    """What was published since the promotion: place, time, the job's own run, and digest; a line each."""
    return [f"{uri}: {timestamp(at)}, {_named(store.get(uri))}" for uri, at in _published(store, app, moment(since))]


def publications(store: S3, app: App) -> dict[str, datetime | None]:
    """When each of the app's publication signals was last published, by the signal's name; None: never."""
    found = {signal.name: store.head(join(app.storage, signal.key or "")) for signal in app.signals if _tells(signal.kind)}
    return {name: one.modified if one else None for name, one in found.items()}


def _tells(kind: str) -> bool:
    return kind in PUBLICATIONS


def _published(store: S3, app: App, since: datetime) -> list[tuple[str, datetime]]:
    keys = {signal.name: join(app.storage, signal.key or "") for signal in app.signals}
    return [(keys[name], at) for name, at in publications(store, app).items() if at and at > since]


def _named(content: bytes) -> str:
    try:
        run = msgspec.json.decode(content, type=dict[str, object]).get("run_id")
    except msgspec.DecodeError:
        run = None
    return f"run {str(run)[:100] if run else 'unknown'}, sha256 {digest(content)}"
