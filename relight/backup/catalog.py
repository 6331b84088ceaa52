"""Which backups an app has, and which one a run takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from relight.adapters.s3 import S3, ObjectInfo, join
from relight.backup import metadata
from relight.backup.faults import fault
from relight.backup.metadata import BACKUP_ID, Metadata
from relight.backup.parallel import ordered
from relight.backup.reader import Backup, open_backup
from relight.backup.recipients import KMS, recipients
from relight.backup.verify import problems_of
from relight.errors import BackupError, BackupInvalid, NoUsableBackup, RequestInvalid
from relight.formats import SELECTORS, is_selector
from relight.model import BackupState, CatalogEntry, canonical, moment
from relight.records import replace

THREADS = 16
SHOWN = 3
LATEST_VALID, LATEST_PROVEN = "latest_valid", "latest_proven"
EPOCH = "1970-01-01T00:00:00Z"
CHANGED = "its objects changed since every byte was proven, and it was not read again yet"
UNPROVEN = "newer, but no run has proven it, and the newest is bad; to take it all the same, name it"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSummary:
    """One backup in a list. ``created_at`` is None and ``problem`` says why, where the metadata cannot be read.

    ``bytes``: of all its objects, as stored. ``committed``: metadata.json is there. ``modified``: of its youngest.
    ``fingerprint``: of its objects' names, sizes and etags: as long as it is the same, no byte of them has changed.
    ``kms_keys``: those that it was sealed for.
    """

    uri: str
    backup_id: str
    committed: bool
    bytes: int
    created_at: str | None = None
    app: str = ""
    problem: str = ""
    modified: datetime | None = None
    fingerprint: str = ""
    kms_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    uri: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The backup a run takes, as it was judged, and the ones that came before it and could not be."""

    backup: Backup
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def uri(self) -> str:
        return self.backup.uri

    @property
    def backup_id(self) -> str:
        return self.backup.place.backup_id

    @property
    def created_at(self) -> str:
        return self.metadata.created_at

    @property
    def metadata_sha256(self) -> str:
        return self.backup.metadata_sha256

    @property
    def metadata(self) -> Metadata:
        return self.backup.metadata


Listed = tuple[BackupSummary, Backup | None]  # with the backup itself, where its metadata are sound


def list_backups(store: S3, storage: str) -> list[BackupSummary]:
    """Every backup below ``<storage>/backups/``, newest first, unreadable and uncommitted ones last. Raises what S3 does."""
    return [found for found, _ in _listed(store, storage)]


def _listed(store: S3, storage: str) -> list[Listed]:
    root = join(storage, "backups")
    objects: dict[str, list[ObjectInfo]] = {}
    for found in store.list(f"{root}/"):
        backup_id, _, name = found.uri.removeprefix(f"{root}/").partition("/")
        if name and BACKUP_ID.fullmatch(backup_id):
            objects.setdefault(backup_id, []).append(found)

    def summary(backup_id: str) -> Listed:
        return _summary(store, join(root, backup_id), backup_id, objects[backup_id])

    return sorted(ordered(summary, sorted(objects), THREADS), key=lambda listed: _newest_first(listed[0]))


def _summary(store: S3, uri: str, backup_id: str, objects: list[ObjectInfo]) -> Listed:
    listed = sorted((one.uri.removeprefix(uri), one.size, one.etag) for one in objects)
    made = BackupSummary(
        uri=uri,
        backup_id=backup_id,
        committed=any(name == f"/{metadata.NAME}" for name, _, _ in listed),
        bytes=sum(size for _, size, _ in listed),
        modified=max((one.modified for one in objects if one.modified), default=None),
        fingerprint=sha256(canonical(listed)).hexdigest(),
    )
    try:
        opened = open_backup(store, uri)
    except BackupError as error:
        return replace(made, problem=str(error)), None
    found = opened.metadata
    kms_keys = tuple(one.key for one in recipients(found.encryption) if one.kind == KMS) if found.sealed else ()
    return replace(made, committed=True, created_at=found.created_at, app=found.app, kms_keys=kms_keys), opened


def _newest_first(found: BackupSummary) -> tuple[float, str]:
    return (-moment(found.created_at).timestamp() if found.created_at else 0.0, found.backup_id)


def select(
    store: S3,
    storage: str,
    wanted: str = LATEST_VALID,
    *,
    seed: str = "",
    known: Iterable[CatalogEntry] = (),
    deep: bool = False,
    at: datetime | None = None,
) -> Selection:
    """The backup that ``wanted`` names: a URI or a selector (``relight.formats.is_selector``).

    All but a URI fall back over backups that break their contract, here or by the catalog's entries ``known``, and say why:
    ``latest_valid`` to the last proven one first; one whose objects changed since it was read is the last resort.
    ``random`` depends on ``seed``, the ids and ``at`` (now) alone.
    Raises the backup's own first error for a URI, NoUsableBackup, RequestInvalid, and what S3 raises.
    """
    if wanted.startswith("s3://"):
        return Selection(backup=_expect_valid(open_backup(store, wanted), deep))
    entries = {entry.backup_id: entry for entry in known}
    there = _listed(store, storage)
    listed, opened = [found for found, _ in there], {found.uri: backup for found, backup in there}
    passed: list[PassedOver] = []
    for found in _candidates(listed, wanted, seed, entries, at or datetime.now(UTC)):
        try:
            _expect_not_known_bad(found, entries.get(found.backup_id))
            backup = _expect_valid(opened[found.uri] or open_backup(store, found.uri), deep)
        except BackupError as error:
            passed.append(PassedOver(uri=found.uri, why=str(error)))
        else:
            tried = {one.uri for one in passed}
            newer = listed[: listed.index(found)] if wanted == LATEST_VALID else ()
            left = [one for one in newer if one.uri not in tried]
            passed += [PassedOver(uri=one.uri, why=CHANGED if _changed(one, entries) else UNPROVEN) for one in left]
            return Selection(backup=backup, passed_over=tuple(passed))
    why = "; ".join(f"{one.uri}: {one.why}" for one in passed[:SHOWN]) or "there is none to choose from"
    raise fault(NoUsableBackup, f"{storage} ({wanted})", f"no backup can be used: {why}")


Entries = Mapping[str, CatalogEntry]


def _candidates(found: list[BackupSummary], wanted: str, seed: str, known: Entries, at: datetime) -> list[BackupSummary]:
    selector, _, days = wanted.partition(":")
    if not is_selector(wanted):
        raise RequestInvalid("backup", f"{wanted!r} is none", f"use {SELECTORS} or a backup's S3 URI")
    proven = [one for one in found if (entry := known.get(one.backup_id)) and entry.proven_by]
    if selector == LATEST_PROVEN:
        return sorted(proven, key=lambda one: _changed(one, known))
    if selector == LATEST_VALID:
        rest = [one for one in proven if one not in found[:1]] + [one for one in found[1:] if one not in proven]
        return sorted(found[:1] + rest, key=lambda one: _changed(one, known))
    since = at - timedelta(days=int(days)) if days else None
    window = [one for one in found if one.committed and not (since and moment(one.created_at or EPOCH) < since)]
    return sorted(window, key=lambda one: (_changed(one, known), sha256(f"{seed} {one.backup_id}".encode()).digest()))


def _changed(found: BackupSummary, known: Entries) -> bool:
    """A backup's objects never change: where they did since every byte was proven, that proof is of other objects."""
    entry = known.get(found.backup_id)
    return bool(entry and entry.audit.state == BackupState.VALID and entry.audit.fingerprint != found.fingerprint)


def _expect_not_known_bad(found: BackupSummary, entry: CatalogEntry | None) -> None:
    """What the catalog read byte by byte Plan need not read again, as long as no object has changed since."""
    if entry and entry.audit.state == BackupState.INVALID and entry.audit.fingerprint == found.fingerprint:
        raise fault(BackupInvalid, found.uri, f"the catalog found it damaged at {entry.checked_at}: {entry.audit.reason}")


def _expect_valid(backup: Backup, deep: bool) -> Backup:
    if found := problems_of(backup, deep):
        raise found[0]
    return backup
