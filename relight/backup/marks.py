"""``last-valid`` and ``last-proven``: which backup each mark names, and its moving when another one should be named."""

from collections.abc import Callable, Iterable

from relight.adapters.catalog import Catalog
from relight.errors import Conflict
from relight.model import BackupState, CatalogEntry, Mark, MarkName, moment, now

TRIES = 5
BAD = (BackupState.INVALID, BackupState.GONE)

Belongs = Callable[[CatalogEntry], bool]
MARKED: dict[MarkName, Belongs] = {
    MarkName.LAST_VALID: lambda entry: entry.audit.state == BackupState.VALID,
    MarkName.LAST_PROVEN: lambda entry: entry.proven_by is not None and entry.audit.state not in BAD,
}


def settle(catalog: Catalog, app: str) -> dict[MarkName, Mark | None]:
    """Both marks as the entries say now: the newest backup that belongs. Raises Conflict when others keep moving them.

    Each try reads the mark before the entries, so that what it writes is never older than what it replaces.
    """
    return {name: _settle(catalog, app, name, belongs) for name, belongs in MARKED.items()}


def _settle(catalog: Catalog, app: str, name: MarkName, belongs: Belongs) -> Mark | None:
    for _ in range(TRIES):
        seen = catalog.mark(app, name)
        newest = _newest(entry for entry in catalog.entries(app) if belongs(entry))
        if (newest and newest.backup_id) == (seen and seen.backup_id):
            return seen
        to = _mark(newest) if newest else None
        if catalog.move(app, name, to, seen):
            return to
    raise Conflict(f"{name} of {app}: others kept moving it; the catalog's next round settles it")


def _newest(entries: Iterable[CatalogEntry]) -> CatalogEntry | None:
    dated = (entry for entry in entries if entry.created_at)
    return max(dated, key=lambda entry: (moment(entry.created_at or ""), entry.backup_id), default=None)


def _mark(entry: CatalogEntry) -> Mark:
    return Mark(backup_id=entry.backup_id, uri=entry.uri, created_at=entry.created_at or "", moved_at=now())
