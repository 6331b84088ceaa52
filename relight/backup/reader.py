"""Reading a backup: metadata, manifests, volumes. Nothing is believed before its digest is proven."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from relight.adapters.s3 import S3, ObjectInfo, join
from relight.backup import frames, index, manifests, metadata
from relight.backup.faults import fault
from relight.backup.filetree import FileTree
from relight.backup.frames import Frame, FrameTable
from relight.backup.metadata import BackupUri, Metadata
from relight.backup.parallel import ordered
from relight.backup.unpack import Limits, Tally, VolumeSize, unpack
from relight.backup.zstd import decompress_frame, stream
from relight.errors import (
    ArchiveTooLarge,
    ArtifactMissing,
    BackupError,
    BackupNotFound,
    BackupUncommitted,
    DigestMismatch,
    MetadataMalformed,
    RestoreFailed,
    SizeMismatch,
)

RANGE = 8 * 2**20
IN_MEMORY = 256 * 2**20  # raw and stored bytes under way at once
THREADS = 12

Progress = Callable[[int], None]
Bytes = Generator[bytes, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeStats:
    """What was restored. ``bytes``: file content, holes included; ``files``: files by name. ``index``: None without one."""

    bytes: int
    files: int
    volumes: tuple[VolumeSize, ...]
    index: Path | None


def open_backup(store: S3, uri: str, metadata_sha256: str | None = None) -> "Backup":
    """The committed backup at ``uri``; its metadata is checked, against the given digest too.

    Raises UriMalformed, BackupNotFound, BackupUncommitted, MetadataMalformed, DigestMismatch, and what S3 raises.
    """
    place = BackupUri.parse(uri)
    where = join(place.uri, metadata.NAME)
    data = read_metadata(store, place)
    digest = sha256(data).hexdigest()
    if metadata_sha256 not in (None, digest):
        raise fault(DigestMismatch, where, f"its sha256 is {digest}, the plan was made for {metadata_sha256}")
    parsed = Metadata.parse(data, where)
    if parsed.schema_version and parsed.backup_id != place.backup_id:
        raise fault(MetadataMalformed, where, f"it says it belongs to backup {parsed.backup_id!r}")
    return Backup(store, place, parsed, digest)


def read_metadata(store: S3, place: BackupUri) -> bytes:
    where = join(place.uri, metadata.NAME)
    found = store.head(where)
    if found is None:
        kind = BackupUncommitted if next(store.list(f"{place.uri}/"), None) else BackupNotFound
        problem = "has no metadata.json" if kind is BackupUncommitted else "there is no such backup"
        raise fault(kind, place.uri, problem)
    if found.size > metadata.MAX_BYTES:
        raise fault(MetadataMalformed, where, f"is {found.size} bytes, more than {metadata.MAX_BYTES}")
    return store.get(where)


class Backup:
    """A committed backup. ``metadata_sha256`` is the digest of metadata.json, and so stands for the whole."""

    def __init__(self, store: S3, place: BackupUri, parsed: Metadata, digest: str) -> None:
        self._store, self.place = store, place
        self.metadata, self.metadata_sha256 = parsed, digest

    @property
    def uri(self) -> str:
        return self.place.uri

    def where(self, name: str) -> str:
        return join(self.place.uri, name)

    def manifests(self) -> list[dict[str, Any]]:
        """Every object of the backup.

        Raises ManifestMalformed, ArtifactMissing, SizeMismatch, DigestMismatch and the errors of archives.
        """
        return manifests.unpack(self.read(metadata.MANIFESTS, manifests.MAX_STORED), self.where(metadata.MANIFESTS))

    def restore_volumes(self, target: Path, limits: Limits | None = None, progress: Progress | None = None) -> VolumeStats:
        """Unpacks the volumes as ``target/volumes/<namespace>/<claim>/...`` with ``target/index.jsonl`` beside them.

        They are unpacked beside ``target`` and moved there once proven: on any error ``target`` is as it was. It must not
        exist, or be empty. ``progress`` hears of the raw bytes so far, and may raise to stop.
        Raises RestoreFailed, ArtifactMissing, SizeMismatch, DigestMismatch and every archive error.
        """
        staging = _staging(target)
        where = self.where(metadata.STATE)
        tally = Tally(where, limits or Limits(), self.metadata)
        try:
            with closing(self.state()) as raw, closing(FileTree(staging, where)) as tree:
                unpack(_told(raw, progress), where, tree, tally)
                tree.finish()
            _move(staging, target)
        except BackupError:
            self.expect_undamaged()
            raise
        finally:
            _remove(staging)
        found = target / index.NAME
        volumes = tuple(tally.volumes[key] for key in sorted(tally.volumes))
        return VolumeStats(bytes=tally.bytes, files=tally.files, volumes=volumes, index=found if found.exists() else None)

    def state(self) -> Bytes:
        """The raw tar of the state archive, each byte proven before the end is reached (with frames, before it is given)."""
        found = self.found(metadata.STATE)
        if metadata.FRAMES not in self.metadata.artifacts:
            return _decompressed(self.stored(metadata.STATE), found.uri)
        table = self.read(metadata.FRAMES, frames.MAX_BYTES)
        return self._framed(FrameTable.parse(table, self.where(metadata.FRAMES), found.size), found)

    def read(self, name: str, most: int) -> bytes:
        """An artifact whole, proven, of ``most`` bytes at most."""
        found = self.found(name)
        if found.size > most:
            raise fault(ArchiveTooLarge, found.uri, f"is {found.size} bytes, more than {most}")
        data = self._store.get_range(found.uri, 0, found.size, found.etag)
        self.prove(name, sha256(data).hexdigest())
        return data

    def prove(self, name: str, digest: str) -> None:
        if digest != self.metadata.artifacts[name].sha256:
            expected = self.metadata.artifacts[name].sha256
            raise fault(DigestMismatch, self.where(name), f"its sha256 is {digest}, the metadata says {expected}")

    def stored(self, name: str) -> Bytes:
        """An artifact's stored bytes in order, fetched ahead; its digest is proven when the end is reached."""
        found = self.found(name)
        digest = sha256()
        for data in ordered(lambda start: self._range(found, start), range(0, found.size, RANGE), THREADS):
            digest.update(data)
            yield data
        self.prove(name, digest.hexdigest())

    def found(self, name: str) -> ObjectInfo:
        """The artifact's object, of the size the metadata says. Raises ArtifactMissing, SizeMismatch."""
        where, expected = self.where(name), self.metadata.artifacts.get(name)
        if expected is None:
            raise fault(ArtifactMissing, where, "the metadata names no such artifact, so nothing can prove its bytes")
        found = self._store.head(where)
        if found is None:
            raise fault(ArtifactMissing, where, "the metadata names it, and it is not there")
        if found.size != expected.bytes:
            raise fault(SizeMismatch, where, f"it has {found.size} bytes, the metadata says {expected.bytes}")
        return found

    def _range(self, found: ObjectInfo, start: int) -> bytes:
        return self._store.get_range(found.uri, start, min(RANGE, found.size - start), found.etag)

    def _framed(self, table: FrameTable, found: ObjectInfo) -> Bytes:
        largest = max((frame.raw_length + frame.length for frame in table.frames), default=1)
        threads = max(2, min(THREADS, IN_MEMORY // max(largest, 1)))
        return ordered(lambda frame: self._frame(frame, found), table.frames, threads)

    def _frame(self, frame: Frame, found: ObjectInfo) -> bytes:
        data = self._store.get_range(found.uri, frame.offset, frame.length, found.etag)
        digest = sha256(data).hexdigest()
        if digest != frame.sha256:
            raise fault(DigestMismatch, found.uri, f"the frame at {frame.offset} has sha256 {digest}, not {frame.sha256}")
        return decompress_frame(data, frame.raw_length, found.uri)

    def expect_undamaged(self) -> None:
        """Without frames, damage shows as whatever fault it causes; the digest of the whole, read again, tells it.

        Raises DigestMismatch or SizeMismatch.
        """
        if metadata.FRAMES not in self.metadata.artifacts and metadata.STATE in self.metadata.artifacts:
            for _ in self.stored(metadata.STATE):
                pass


def _decompressed(stored: Bytes, where: str) -> Bytes:
    with closing(stored):
        yield from stream(stored, where)


def _told(raw: Iterator[bytes], progress: Progress | None) -> Iterator[bytes]:
    so_far = 0
    for piece in raw:
        so_far += len(piece)
        if progress:
            progress(so_far)
        yield piece


def _staging(target: Path) -> Path:
    """A fresh directory beside ``target``, on the same disk; what a killed restore left there goes first."""
    staging = target.parent / f".{target.name}.restoring"
    try:
        if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
            raise RestoreFailed(f"{target}: is not empty; nothing was restored; name a directory that is empty or not there")
        _remove(staging)
        staging.mkdir(parents=True, mode=0o755)
    except OSError as error:
        raise RestoreFailed(
            f"{target}: cannot be made ({error.strerror}); nothing was restored; check its parent"
        ) from error
    return staging


def _move(staging: Path, target: Path) -> None:
    try:
        staging.replace(target)
    except OSError as error:
        raise RestoreFailed(
            f"{target}: cannot be put in place ({error.strerror}); nothing was restored; is it a mount?"
        ) from error


def _remove(staging: Path) -> None:
    if not staging.exists():
        return
    for folder, below, _ in os.walk(staging):  # a directory of the backup may be closed to us, its own maker
        for path in (Path(folder, name) for name in below):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(staging)
