"""Writing a backup: artifacts first, ``metadata.json`` last and only if absent, in bounded memory."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import zstandard

from relight.adapters.s3 import S3, join
from relight.backup import frames, index, manifests, metadata
from relight.backup.faults import fault
from relight.backup.frames import Continued, Frame, FrameTable
from relight.backup.metadata import BackupUri, Image, Metadata, ObjectDigest, Volume
from relight.backup.parallel import ordered
from relight.backup.recipients import sealed_for
from relight.backup.seal import PROOF, Box, Seal, marked
from relight.backup.sparse import split
from relight.backup.tarball import BLOCK
from relight.backup.tarwrite import END, Packed, Tree, content
from relight.backup.upload import Sender
from relight.config import Encryption
from relight.errors import BackupExists, Conflict, MetadataMalformed
from relight.records import replace

LEVEL = 3
THREADS = 4
SPOOL = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSource:
    """What to back up. ``volumes``: (namespace, claim) → directory; ``images``: {workload, container, ref} each.

    ``created_at`` is the moment the state is of (RFC 3339); ``source``: {cluster, kubernetes_version}.
    ``unresolved``: {object, needs, reason} of each reference to what the cluster did not give. ``platforms``: where each
    image was seen running, by its reference.
    """

    backup_id: str
    app: str
    namespace: str
    created_at: str
    manifests: Sequence[Mapping[str, Any]]
    volumes: Mapping[tuple[str, str], Path]
    source: Mapping[str, Any] = field(default_factory=dict)
    images: Sequence[Mapping[str, str]] = ()
    notes: str | None = None
    unresolved: Sequence[Mapping[str, str]] = ()
    platforms: Mapping[str, Sequence[str]] = field(default_factory=dict)


def write_backup(
    store: S3, uri: str, source: BackupSource, sender: Sender | None = None, encryption: Encryption | None = None
) -> Metadata:
    """Writes ``source`` as the backup ``uri`` and returns its metadata. ``sender``: how; plainly and anew by default.

    The state goes first, and no object is ever replaced: of two writers, only the one whose state it is goes on. With
    ``encryption`` it is sealed, each time with a new key: what is tried again is sent again, all of it. Raises
    BackupExists when the backup is committed or another writer's, MetadataMalformed, ManifestMalformed, ArchiveLinkEscape,
    SourceChanged, and what S3 raises.
    """
    sender = sender or Sender(store)
    place = BackupUri.parse(uri)
    draft = _draft(place, source)
    commit = join(place.uri, metadata.NAME)
    if store.head(commit):
        raise fault(BackupExists, place.uri, "is already committed")
    seal, sealing = sealed_for(encryption, source.app, source.backup_id) if encryption else (None, None)
    packed = manifests.pack(source.manifests, join(place.uri, metadata.MANIFESTS))
    state = StateArchive(source.volumes)
    archive = _upload(sender, place, metadata.STATE, state.members(), seal)
    table = FrameTable(frames=tuple(archive.frames), index_offset=state.index_offset).dump()
    sender.send(join(place.uri, metadata.FRAMES), [table])
    artifacts = {metadata.MANIFESTS: _upload(sender, place, metadata.MANIFESTS, packed, seal).stored}
    artifacts |= {metadata.STATE: archive.stored, metadata.FRAMES: digest_of(table)}
    more = {"left_out": _told(state.left_out, seal), "unresolved": [dict(row) for row in source.unresolved]}
    extra = {key: rows for key, rows in (more | {"platforms": dict(source.platforms)}).items() if rows}
    done = replace(draft, artifacts=artifacts, volumes=tuple(state.volumes), extra=extra)
    if seal:
        done = replace(done, schema_version=metadata.SEALED, encryption=sealing)
        done = replace(done, encryption={**(sealing or {}), PROOF: seal.proof(done)})
    _commit(sender, commit, done.dump())
    sender.finish(place.uri)
    return done


def digest_of(data: bytes) -> ObjectDigest:
    return ObjectDigest(len(data), sha256(data).hexdigest())


def _told(paths: list[str], seal: Seal | None) -> list[str]:
    """Names of files are no more to be read in a sealed backup's metadata than their content."""
    return [f"{len(paths)} path(s), not named: the backup is sealed"] if paths and seal else paths


def _draft(place: BackupUri, source: BackupSource) -> Metadata:
    """The metadata without what is only known at the end; checked, so that nothing is written that no one could read."""
    if source.backup_id != place.backup_id:
        raise fault(MetadataMalformed, place.uri, f"backup_id {source.backup_id!r} is not the one in the URI")
    draft = Metadata(
        backup_id=source.backup_id,
        app=source.app,
        namespace=source.namespace,
        created_at=source.created_at,
        source=dict(source.source),
        images=tuple(Image(**image) for image in source.images),
        volumes=tuple(Volume(namespace, claim, 0, 0) for namespace, claim in source.volumes),
        notes=source.notes,
    )
    return Metadata.parse(draft.dump(), join(place.uri, metadata.NAME))


def _commit(sender: Sender, commit: str, data: bytes) -> None:
    try:
        sender.store.put(commit, data, if_absent=True, keeping=sender.keeping)
    except Conflict:
        if sender.store.get(commit) != data:  # our own, when S3's answer to the first try was lost
            raise fault(BackupExists, commit, "another writer committed this backup at the same time") from None


class StateArchive:
    """The members of a state archive. Once they are read, ``volumes``, ``left_out`` and ``index_offset`` are known."""

    def __init__(self, volumes: Mapping[tuple[str, str], Path]) -> None:
        self._sources = volumes
        self.volumes: list[Volume] = []
        self.left_out: list[str] = []
        self.index_offset = 0

    def members(self) -> Iterator[Packed]:
        inodes: dict[tuple[int, int], index.IndexEntry] = {}
        with SpooledTemporaryFile(SPOOL) as lines:
            for (namespace, claim), root in sorted(self._sources.items()):
                tree = Tree(root, f"volumes/{namespace}/{claim}", inodes)
                for member in tree.members():
                    yield member
                    lines.writelines(index.line(entry, self.index_offset) for entry in tree.entries)
                    tree.entries.clear()
                    self.index_offset += member.raw
                self.volumes.append(Volume(namespace, claim, tree.size, tree.files))
                self.left_out += tree.left_out
            size = lines.tell()
            lines.seek(0)
            yield content(index.NAME, size, iter(partial(lines.read, 2**20), b""))


@dataclass(slots=True)
class Piece:
    """The raw bytes of a frame to be, and what it begins with where it was cut inside a member."""

    raw: bytearray
    continues: Continued | None


class Cutter:
    """Cuts an archive into pieces of about 8 MiB: between members, and inside the content of larger ones."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._given = 0
        self._continues: Continued | None = None

    def pieces(self, members: Iterable[Packed]) -> Iterator[Piece]:
        for member in members:
            if len(self._waiting) >= frames.RAW // 2 and len(self._waiting) + member.raw > frames.RAW:
                yield self._take(len(self._waiting))
            yield from self._member(member)
        self._waiting += END
        yield self._take(len(self._waiting))

    def _member(self, member: Packed) -> Iterator[Piece]:
        number, rest = self._given + len(self._waiting), member.segments
        begun = len(self._waiting) + len(member.head)  # where in the piece the content begins
        self._waiting += member.head
        for chunk in member.chunks:
            self._waiting += chunk
            while len(self._waiting) >= frames.RAW:
                _, rest = split(rest, max(frames.RAW - begun, 0))
                begun = max(begun - frames.RAW, 0)
                yield self._take(frames.RAW)
                here, _ = split(rest, frames.RAW)
                self._continues = Continued(number, here) if rest and not begun else None
        self._waiting += bytes(-(self._given + len(self._waiting)) % BLOCK)

    def _take(self, length: int) -> Piece:
        rest = self._waiting[length:]
        del self._waiting[length:]
        piece, self._waiting = Piece(self._waiting, self._continues), rest
        self._given += length
        self._continues = None
        return piece


class Archive:
    """Compressed frames as they go by; afterwards ``frames`` lists them and ``stored`` is the object's size and digest."""

    def __init__(self, members: Iterable[Packed], box: Box | None = None) -> None:
        self._members, self._box = members, box
        self._digest = sha256()
        self._length = 0
        self.frames: list[Frame] = []

    def chunks(self) -> Generator[bytes, None, None]:
        for piece, data, digest in ordered(self._compress, marked(Cutter().pieces(self._members)), THREADS):
            self.frames.append(Frame(self._length, len(data), len(piece.raw), digest, piece.continues))
            self._length += len(data)
            self._digest.update(data)
            yield data

    @property
    def stored(self) -> ObjectDigest:
        return ObjectDigest(self._length, self._digest.hexdigest())

    def _compress(self, given: tuple[int, bool, Piece]) -> tuple[Piece, bytes, str]:
        number, last, piece = given
        data = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(piece.raw)
        stored = self._box.close(number, last, data) if self._box else data
        return piece, stored, sha256(stored).hexdigest()


def _upload(sender: Sender, place: BackupUri, name: str, members: Iterable[Packed], seal: Seal | None) -> Archive:
    archive = Archive(members, seal.box(name, join(place.uri, name)) if seal else None)
    with closing(archive.chunks()) as chunks:
        sender.send(join(place.uri, name), chunks)
    return archive
