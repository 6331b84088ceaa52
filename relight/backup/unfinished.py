"""Backups that broke off before their commit: what is there of them, so that they can be taken up or swept."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from relight.adapters.parts import OpenUpload, Uploads
from relight.adapters.s3 import S3, join
from relight.backup import metadata
from relight.backup.metadata import BACKUP_ID
from relight.errors import RequestInvalid


@dataclass(slots=True, kw_only=True)
class Unfinished:
    """``touched``: when the youngest of its uploads began, or its youngest object was written."""

    uri: str
    backup_id: str
    touched: datetime | None = None
    uploads: list[OpenUpload] = field(default_factory=list)

    def add(self, at: datetime | None) -> None:
        self.touched = max(filter(None, (self.touched, at)), default=None)


def unfinished(store: S3, storage: str) -> list[Unfinished]:
    """Every backup below ``<storage>/backups/`` that has uploads or objects and no metadata.json, newest first."""
    root = join(storage, "backups")
    rows: dict[str, Unfinished] = {}
    committed: set[str] = set()
    for uri, at, upload in _everything(store, f"{root}/"):
        backup_id, _, name = uri.removeprefix(f"{root}/").partition("/")
        if not name or not BACKUP_ID.fullmatch(backup_id):
            continue
        committed |= {backup_id} if name == metadata.NAME and upload is None else set()
        row = rows.setdefault(backup_id, Unfinished(uri=join(root, backup_id), backup_id=backup_id))
        row.add(at)
        row.uploads += [upload] if upload else []
    left = [row for backup_id, row in rows.items() if backup_id not in committed]
    return sorted(left, key=lambda row: (row.touched.timestamp() if row.touched else 0.0, row.backup_id), reverse=True)


def _everything(store: S3, below: str) -> Iterator[tuple[str, datetime | None, OpenUpload | None]]:
    yield from ((found.uri, found.modified, None) for found in store.list(below))
    yield from ((found.uri, found.begun, found) for found in Uploads(store).below(below))


def to_resume(store: S3, storage: str, backup_id: str | None) -> str:
    """The id of the backup to take up: ``backup_id``, or the newest unfinished one. Raises RequestInvalid."""
    found = [row.backup_id for row in unfinished(store, storage)]
    if backup_id in found:
        return backup_id
    if backup_id:
        known = f"these are: {', '.join(found[:5])}" if found else "there is none"
        problem = f"is no unfinished backup ({known})"
        raise RequestInvalid(f"--backup-id {backup_id}", problem, "take a new one: relight backup")
    if not found:
        raise RequestInvalid("--resume", f"{storage} has no unfinished backup", "take a new one: relight backup")
    return found[0]
