"""A tree on paper: what unpacking would make, for a check that writes nothing. Its files are hashed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO

from relight.backup import index
from relight.backup.faults import fault
from relight.backup.sparse import hash_hole
from relight.backup.tarball import Kind, Member
from relight.errors import ArchiveLinkEscape, ArchiveMalformed, ArchiveTypeChange, BackupError, DigestMismatch

MAX_HOPS = 40  # the kernel's own


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is at a path; ``digest`` is a file's sha256, ``size`` its length, ``target`` a link's."""

    kind: Kind
    size: int = 0
    digest: bytes = b""
    target: str = ""


class PaperTree:
    """Judges members as ``FileTree`` does; ``faults`` then holds the paths against the index."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._leaves: dict[str, Leaf] = {"": Leaf(Kind.DIRECTORY)}
        self._index: IO[bytes] | None = None  # not in memory: a million files have hundreds of megabytes of it

    def directory(self, path: str, member: Member) -> None:
        self._put(path, Leaf(Kind.DIRECTORY))

    def file(self, path: str, member: Member) -> None:
        digest, at = sha256(), 0
        kept = TemporaryFile() if path == index.NAME else None  # noqa: SIM115 - its lines are read once all is unpacked
        for offset, piece in member.pieces():
            hash_hole(digest.update, offset - at)
            digest.update(piece)
            at = offset + len(piece)
            if kept:
                kept.write(piece)
        hash_hole(digest.update, member.size - at)
        self._put(path, Leaf(Kind.FILE, member.size, digest.digest()))
        self._index = kept or self._index

    def symlink(self, path: str, member: Member) -> None:
        self._put(path, Leaf(Kind.SYMLINK, target=member.link))

    def hardlink(self, path: str, source: str) -> None:
        found = self._leaves.get(source)
        if found is None or found.kind is not Kind.FILE:
            raise fault(ArchiveMalformed, self._where, f"is a hard link to {source[:300]!a}, no file before it", path)
        self._put(path, found)

    def _put(self, path: str, leaf: Leaf) -> None:
        parent = path
        while parent:
            parent = parent.rpartition("/")[0]
            if self._leaves.setdefault(parent, Leaf(Kind.DIRECTORY)).kind is not Kind.DIRECTORY:
                raise fault(ArchiveTypeChange, self._where, "lies below what is no directory", path)
        if self._leaves.setdefault(path, leaf).kind is not leaf.kind:
            raise fault(ArchiveTypeChange, self._where, "occurs before as something else", path)
        self._leaves[path] = leaf

    def faults(self) -> Iterator[BackupError]:
        """Links that lead out by way of others, and all that the index and the archive say differently."""
        for path, leaf in self._leaves.items():
            if leaf.kind is Kind.SYMLINK and self._leads_out(path):
                yield fault(ArchiveLinkEscape, self._where, "leads out of the target by way of other links", path)
        try:
            yield from self._against_index() if self._index is not None else ()
        except ArchiveMalformed as error:
            yield error

    def _against_index(self) -> Iterator[BackupError]:
        assert self._index
        self._index.seek(0)
        listed = set()
        for entry in index.read(iter(partial(self._index.readline, index.MAX_LINE), b""), self._where):
            listed.add(entry.path)
            yield from self._compared(entry)
        for path, leaf in self._leaves.items():
            if leaf.kind is Kind.FILE and path != index.NAME and path not in listed:
                yield fault(ArchiveMalformed, self._where, "is in the archive, and not in its index", path)

    def _compared(self, entry: index.IndexEntry) -> Iterator[BackupError]:
        leaf = self._leaves.get(entry.path)
        if leaf is None or leaf.kind != entry.type:
            yield fault(ArchiveMalformed, self._where, f"is a {entry.type} in the index, and not in the archive", entry.path)
        elif leaf.kind is Kind.FILE and leaf.digest.hex() != entry.sha256:
            problem = f"its sha256 is {leaf.digest.hex()}, the index says {entry.sha256}"
            yield fault(DigestMismatch, self._where, problem, entry.path)

    def _leads_out(self, path: str) -> bool:
        """Follows the link, and those it meets, as the system would."""
        here: list[str] = []
        ahead, hops = path.split("/")[::-1], 0
        while ahead:
            part = ahead.pop()
            if part == "..":
                if not here:
                    return True
                here.pop()
            if part in ("", ".", ".."):
                continue
            here.append(part)
            leaf = self._leaves.get("/".join(here))
            if leaf and leaf.kind is Kind.SYMLINK and hops < MAX_HOPS:
                hops += 1
                here.pop()
                ahead += leaf.target.split("/")[::-1]
        return False
