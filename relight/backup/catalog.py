"""Which backups an app has, and which one a run takes."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from relight.adapters.s3 import S3, join
from relight.backup import metadata
from relight.backup.faults import fault
from relight.backup.metadata import BACKUP_ID, Metadata
from relight.backup.parallel import ordered
from relight.backup.reader import open_backup
from relight.backup.verify import problems
from relight.errors import BackupError, NoUsableBackup, RequestInvalid
from relight.model import moment

THREADS = 16
SHOWN = 3
LATEST_VALID, LATEST_PROVEN, RANDOM = "latest_valid", "latest_proven", "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSummary:
    """One backup in a list. ``created_at`` is None and ``problem`` says why, where the metadata cannot be read.

    ``bytes``: of all its objects, as stored. ``committed``: metadata.json is there. ``modified``: of its youngest.
    """

    uri: str
    backup_id: str
    committed: bool
    bytes: int
    created_at: str | None = None
    app: str = ""
    problem: str = ""
    modified: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    uri: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The backup a run takes, and the ones that came before it and could not be."""

    uri: str
    backup_id: str
    created_at: str
    metadata_sha256: str
    metadata: Metadata
    passed_over: tuple[PassedOver, ...] = ()


def list_backups(store: S3, storage: str) -> list[BackupSummary]:
    """Every backup below ``<storage>/backups/``, newest first, unreadable and uncommitted ones last. Raises what S3 does."""
    sizes: dict[str, int] = {}
    committed: set[str] = set()
    touched: dict[str, datetime] = {}
    root = join(storage, "backups")
    for found in store.list(f"{root}/"):
        backup_id, _, name = found.uri.removeprefix(f"{root}/").partition("/")
        if name and BACKUP_ID.fullmatch(backup_id):
            sizes[backup_id] = sizes.get(backup_id, 0) + found.size
            committed |= {backup_id} if name == metadata.NAME else set()
            if found.modified:
                touched[backup_id] = max(found.modified, touched.get(backup_id, found.modified))

    def summary(backup_id: str) -> BackupSummary:
        made = _summary(store, join(root, backup_id), backup_id, sizes[backup_id], backup_id in committed)
        return replace(made, modified=touched.get(backup_id))

    return sorted(ordered(summary, sorted(sizes), THREADS), key=_newest_first)


def _summary(store: S3, uri: str, backup_id: str, size: int, committed: bool) -> BackupSummary:
    try:
        found = open_backup(store, uri).metadata
    except BackupError as error:
        return BackupSummary(uri=uri, backup_id=backup_id, committed=committed, bytes=size, problem=str(error))
    return BackupSummary(
        uri=uri, backup_id=backup_id, committed=True, bytes=size, created_at=found.created_at, app=found.app
    )


def _newest_first(found: BackupSummary) -> tuple[float, str]:
    return (-moment(found.created_at).timestamp() if found.created_at else 0.0, found.backup_id)


def select(
    store: S3, storage: str, wanted: str = LATEST_VALID, *, seed: str = "", proven: Collection[str] = (), deep: bool = False
) -> Selection:
    """The backup that ``wanted`` names: a URI, ``latest_valid``, ``latest_proven`` (of the ids in ``proven``) or ``random``.

    All but a URI fall back over backups that break their contract, and say why. ``random`` depends on ``seed`` and the ids
    alone. Raises the backup's own first error for a URI, NoUsableBackup, RequestInvalid, and what S3 raises.
    """
    if wanted.startswith("s3://"):
        return _expect_valid(store, wanted, deep)
    passed: list[PassedOver] = []
    for found in _candidates(list_backups(store, storage), wanted, seed, proven):
        try:
            selected = _expect_valid(store, found.uri, deep)
        except BackupError as error:
            passed.append(PassedOver(uri=found.uri, why=str(error)))
        else:
            return replace(selected, passed_over=tuple(passed))
    why = "; ".join(f"{one.uri}: {one.why}" for one in passed[:SHOWN]) or "there is none to choose from"
    raise fault(NoUsableBackup, f"{storage} ({wanted})", f"no backup can be used: {why}")


def _candidates(found: list[BackupSummary], wanted: str, seed: str, proven: Collection[str]) -> Iterator[BackupSummary]:
    if wanted == LATEST_VALID:
        yield from found
    elif wanted == LATEST_PROVEN:
        yield from (summary for summary in found if summary.backup_id in proven)
    elif wanted == RANDOM:
        committed = (summary for summary in found if summary.committed)
        yield from sorted(committed, key=lambda summary: sha256(f"{seed} {summary.backup_id}".encode()).digest())
    else:
        raise RequestInvalid("backup", f"{wanted!r} is none", "use latest_valid, latest_proven, random or a backup's S3 URI")


def _expect_valid(store: S3, uri: str, deep: bool) -> Selection:
    backup = open_backup(store, uri)
    if found := problems(store, uri, deep):
        raise found[0]
    about = backup.metadata
    return Selection(
        uri=backup.uri,
        backup_id=backup.place.backup_id,
        created_at=about.created_at,
        metadata_sha256=backup.metadata_sha256,
        metadata=about,
    )
