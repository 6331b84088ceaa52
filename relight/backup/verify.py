"""Checking a backup against its contract: every problem, each with what to do about it."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from relight.adapters.s3 import S3, join
from relight.backup import frames, manifests, metadata
from relight.backup.faults import fault
from relight.backup.frames import FrameTable
from relight.backup.metadata import BackupUri, Metadata, ObjectDigest, load, misfits
from relight.backup.parallel import ordered
from relight.backup.reader import Backup, read_metadata
from relight.backup.unpack import Limits, Tally, unpack
from relight.errors import BackupError, MetadataMalformed

REQUIRED = (metadata.STATE, metadata.MANIFESTS)
MOST, THREADS = 1000, 8
READ_WHOLE = {metadata.MANIFESTS: manifests.MAX_STORED, metadata.FRAMES: frames.MAX_BYTES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem. ``code`` as in docs/errors.md; ``object`` is the URI and, where there is one, the member."""

    code: str
    object: str
    problem: str
    fix: str


def verify(store: S3, uri: str, deep: bool = False, limits: Limits | None = None) -> list[Finding]:
    """All problems of the backup at ``uri``; none means that it keeps its contract, as far as was looked.

    Not ``deep``: metadata, every artifact's presence and size, table of frames, manifests in full. ``deep``: every byte, and
    the state archive unpacked on paper and held against its index. At most 1000 problems are listed.
    Raises UriMalformed, and what S3 raises: then nothing is proven either way.
    """
    return [
        Finding(code=error.code, object=error.where, problem=error.problem, fix=error.fix)
        for error in problems(store, uri, deep, limits)
    ]


def problems(store: S3, uri: str, deep: bool = False, limits: Limits | None = None) -> list[BackupError]:
    """What ``verify`` finds, as the errors that a reader would raise."""
    place = BackupUri.parse(uri)
    found = _Found()
    with found:
        raw = load(read_metadata(store, place), join(place.uri, metadata.NAME))
        _check(Backup(store, place, _judged(raw, place, found), ""), found, deep, limits or Limits())
    return found.errors


def problems_of(backup: Backup, deep: bool = False, limits: Limits | None = None) -> list[BackupError]:
    """The same of a backup that was opened, and so has sound metadata; what is read of it is not read again."""
    found = _Found()
    _check(backup, found, deep, limits or Limits())
    return found.errors


class _Found:
    """Collects; as a context, it notes the fault that ends the block and goes on behind it."""

    def __init__(self) -> None:
        self.errors: list[BackupError] = []

    def note(self, error: BackupError) -> None:
        if len(self.errors) < MOST:
            self.errors.append(error.with_traceback(None))  # which would keep the frames that read the archive

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, BackupError):
            self.note(error)
        return isinstance(error, BackupError)


def _judged(raw: dict[str, Any], place: BackupUri, found: _Found) -> Metadata:
    """The metadata, or what can be saved of it, so that the objects are looked at too."""
    where = join(place.uri, metadata.NAME)
    wrong = list(misfits(raw))
    for problem in wrong:
        found.note(fault(MetadataMalformed, where, problem))
    if wrong:
        return Metadata(schema_version=0, backup_id="", app="", namespace="", created_at="", artifacts=_sound(raw))
    parsed = metadata.of(raw)
    if parsed.schema_version and parsed.backup_id != place.backup_id:
        found.note(fault(MetadataMalformed, where, f"it says it belongs to backup {parsed.backup_id!r}"))
    return parsed


def _sound(raw: dict[str, Any]) -> dict[str, ObjectDigest]:
    given = raw.get("artifacts")
    rows = given.items() if isinstance(given, dict) else ()
    return {name: ObjectDigest(row["bytes"], row["sha256"]) for name, row in rows if metadata.is_artifact(name, row)}


def _check(backup: Backup, found: _Found, deep: bool, limits: Limits) -> None:
    named = sorted({*REQUIRED, *backup.metadata.artifacts})
    present = set(named)
    for name, error in zip(named, ordered(lambda name: _missing(backup, name), named, THREADS), strict=True):
        if error:
            present.discard(name)
            found.note(error)
    checks: list[tuple[str, Callable[[], object]]] = [
        (metadata.MANIFESTS, lambda: _manifests(backup, found)),
        (metadata.FRAMES, lambda: _frames(backup)),
    ]
    if deep:
        checks += [(name, lambda name=name: _drain(backup.stored(name))) for name in present - {metadata.MANIFESTS}]  # type: ignore[misc]
        checks += [(metadata.STATE, lambda: _state(backup, found, limits))]
    for name, check in checks:
        if name in present:
            with found:
                check()


def _missing(backup: Backup, name: str) -> BackupError | None:
    """What is wrong with an artifact at the first look; None where it is there as the metadata says."""
    try:
        backup.look(name, READ_WHOLE.get(name))
    except BackupError as error:
        return error
    return None


def _manifests(backup: Backup, found: _Found) -> None:
    data = backup.read_manifests()
    manifests.unpack(data, backup.where(metadata.MANIFESTS), found.note)


def _frames(backup: Backup) -> None:
    archive = backup.metadata.artifacts.get(metadata.STATE)
    table = backup.read(metadata.FRAMES, frames.MAX_BYTES)
    FrameTable.parse(table, backup.where(metadata.FRAMES), archive.bytes if archive else 0)


def _drain(chunks: Iterable[bytes]) -> None:
    for _ in chunks:
        pass


def _state(backup: Backup, found: _Found, limits: Limits) -> None:
    from relight.backup.papertree import PaperTree  # SQLite, which only this needs

    where = backup.where(metadata.STATE)
    tree = PaperTree(where)
    with closing(backup.state()) as raw:
        unpack(raw, where, tree, Tally(where, limits, backup.metadata), found.note)
    for error in tree.faults():
        found.note(error)
