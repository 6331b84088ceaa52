"""Reading a backup: metadata, manifests, volumes. Nothing is believed before its digest is proven."""

from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from relight.adapters.s3 import S3, ObjectInfo, join
from relight.backup import frames, manifests, metadata
from relight.backup.artifacts import Artifacts, Bytes
from relight.backup.faults import fault
from relight.backup.frames import Frame, FrameTable
from relight.backup.metadata import BackupUri, Metadata
from relight.backup.parallel import ordered
from relight.backup.recipients import Unlock, by_kms
from relight.backup.seal import Box, Seal
from relight.backup.unpack import Limits
from relight.backup.zstd import decompress_frame, stream
from relight.errors import (
    BackupNotFound,
    BackupUncommitted,
    DigestMismatch,
    MetadataMalformed,
    ObjectNotFound,
)

if TYPE_CHECKING:
    from relight.backup.restore import Progress, VolumeStats

FRAMES_AHEAD = 6  # one consumer takes them in order: more only wait, each with its raw bytes


def open_backup(store: S3, uri: str, metadata_sha256: str | None = None, unlock: Unlock = by_kms) -> "Backup":
    """The committed backup at ``uri``; its metadata is checked, against the given digest too.

    ``unlock`` finds a sealed backup's key, once it is needed.
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
    return Backup(store, place, parsed, digest, unlock)


def read_metadata(store: S3, place: BackupUri) -> bytes:
    where = join(place.uri, metadata.NAME)
    try:
        size, data = store.get_up_to(where, metadata.MAX_BYTES)
    except ObjectNotFound:
        kind = BackupUncommitted if next(store.list(f"{place.uri}/"), None) else BackupNotFound
        problem = "has no metadata.json" if kind is BackupUncommitted else "there is no such backup"
        raise fault(kind, place.uri, problem) from None
    if size > metadata.MAX_BYTES:
        raise fault(MetadataMalformed, where, f"is {size} bytes, more than {metadata.MAX_BYTES}")
    return data


class Backup(Artifacts):
    """A committed backup. ``metadata_sha256`` is the digest of metadata.json, and so stands for the whole."""

    def __init__(self, store: S3, place: BackupUri, parsed: Metadata, digest: str, unlock: Unlock = by_kms) -> None:
        super().__init__(store, place, parsed)
        self.metadata_sha256, self._unlock, self._locked = digest, unlock, Lock()

    @property
    def seal(self) -> Seal | None:
        """The key of a sealed backup, its metadata proven with it; None where it is not sealed.

        Raises KeyUnusable, SealBroken, and what KMS raises.
        """
        with self._locked:
            return self._opened if self.metadata.sealed else None

    @cached_property
    def _opened(self) -> Seal:
        return self._unlock(self.metadata, self.where(metadata.NAME))

    def box(self, name: str) -> Box | None:
        """What opens the frames of an artifact; None where they are not sealed."""
        return self.seal.box(name, self.where(name)) if self.seal else None

    def plain(self, name: str, stored: Iterator[bytes]) -> Iterator[bytes]:
        """An artifact as it was before it was sealed."""
        box = self.box(name)
        return box.opened(stored) if box else stored

    def manifests(self) -> list[dict[str, Any]]:
        """Every object of the backup.

        Raises ManifestMalformed, ArtifactMissing, SizeMismatch, DigestMismatch and the errors of archives.
        """
        return manifests.unpack(self.read_manifests(), self.where(metadata.MANIFESTS))

    def read_manifests(self) -> bytes:
        """The manifests archive, proven and opened."""
        stored = self.read(metadata.MANIFESTS, manifests.MAX_STORED)
        return b"".join(self.plain(metadata.MANIFESTS, iter([stored])))

    def restore_volumes(
        self, target: Path, limits: Limits | None = None, progress: "Progress | None" = None
    ) -> "VolumeStats":
        """Unpacks the volumes as ``target/volumes/<namespace>/<claim>/...`` with ``target/index.jsonl`` beside them.

        They are unpacked beside ``target`` and moved there once proven: on any error ``target`` is as it was. It must not
        exist, or be empty. ``progress`` hears of the raw bytes so far, and may raise to stop.
        Raises RestoreFailed, ArtifactMissing, SizeMismatch, DigestMismatch and every archive error.
        """
        from relight.backup.restore import restore_volumes, silent  # most readers restore nothing

        return restore_volumes(self, target, limits or Limits(), progress or silent)

    def state(self) -> Bytes:
        """The raw tar of the state archive, each byte proven before the end is reached (with frames, before it is given)."""
        found, table = self.found(metadata.STATE), self.frames()
        return self.raw(table) if table else _decompressed(self.plain_state(), found.uri)

    def plain_state(self) -> Bytes:
        """The state archive before it was sealed: zstd frames."""
        with closing(self.stored(metadata.STATE)) as stored:
            yield from self.plain(metadata.STATE, stored)

    def frames(self) -> FrameTable | None:
        """The table of the state archive's frames; None where it has none."""
        if metadata.FRAMES not in self.metadata.artifacts:
            return None
        table = self.read(metadata.FRAMES, frames.MAX_BYTES)
        return FrameTable.parse(table, self.where(metadata.FRAMES), self.found(metadata.STATE).size)

    def raw(self, table: FrameTable, start: int = 0, ahead: int = FRAMES_AHEAD) -> Bytes:
        """The raw tar from ``start`` on, each frame proven before it is given; at most ``ahead`` frames are under way."""
        found = self.found(metadata.STATE)
        number, begins = table.at(start)
        numbered = enumerate(table.frames[number:], number)
        wanted = ordered(lambda frame: self._frame(*frame, found), numbered, table.at_once(ahead))
        with closing(wanted):
            for data in wanted:
                yield data[start - begins :] if begins < start else data
                begins = start

    def _frame(self, number: int, frame: Frame, found: ObjectInfo) -> bytes:
        stored = memoryview(bytearray(frame.length))
        return decompress_frame(stored[: self.fetch(number, frame, found, stored)], frame.raw_length, found.uri)

    def fetch(self, number: int, frame: Frame, found: ObjectInfo, into: memoryview) -> int:
        """The frame's bytes, proven and opened; how many they are.

        Raises DigestMismatch, SealBroken, Conflict for a replaced object, and what S3 raises.
        """
        data = into[: frame.length]
        self._store.read_into(found.uri, frame.offset, data, found.etag)
        digest = sha256(data).hexdigest()
        if digest != frame.sha256:
            raise fault(DigestMismatch, found.uri, f"the frame at {frame.offset} has sha256 {digest}, not {frame.sha256}")
        box = self.box(metadata.STATE)
        if box is None:
            return len(data)
        opened = box.open(number, frame.offset + frame.length == found.size, data)
        into[: len(opened)] = opened
        return len(opened)

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
