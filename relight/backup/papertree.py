"""A tree on paper: what unpacking would make, for a check that writes nothing. Its files are hashed.

It lies on disk and not in memory: a million files would take hundreds of megabytes there.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from errno import ENOSPC
from functools import partial
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO

from relight.backup import index
from relight.backup.faults import fault
from relight.backup.names import leads_out
from relight.backup.sparse import hash_hole
from relight.backup.tarball import Kind, Member
from relight.errors import ArchiveLinkEscape, ArchiveMalformed, ArchiveTypeChange, BackupError, DigestMismatch

FILES = frozenset({Kind.FILE, Kind.HARDLINK})
CACHE = 16 * 2**10  # kB of the table in memory


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is at a path; ``digest`` is a file's sha256, ``target`` a link's. A hard link to a file is that file; one whose
    file has not come yet is a HARDLINK, and SPECIAL where none came."""

    kind: Kind
    digest: bytes = b""
    target: str = ""


class Leaves:
    """What is at which path, and which paths the index lists. For one thread; gone with the object.

    Raises OSError where the disk has no room for it.
    """

    def __init__(self) -> None:
        self._table = sqlite3.connect("", isolation_level=None)  # a file without a name
        self._table.executescript(f"""
            PRAGMA cache_size = -{CACHE};
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            CREATE TABLE leaf (path BLOB PRIMARY KEY, kind TEXT, digest BLOB, target BLOB, listed INT) WITHOUT ROWID;
            CREATE INDEX late ON leaf (kind) WHERE kind = '{Kind.HARDLINK}';
            BEGIN""")

    def get(self, path: str) -> Leaf | None:
        found = self._run("SELECT kind, digest, target FROM leaf WHERE path = ?", _stored(path)).fetchone()
        return Leaf(Kind(found[0]), found[1], _shown(found[2])) if found else None

    def put(self, path: str, leaf: Leaf) -> None:
        row = _stored(path), leaf.kind.value, leaf.digest, _stored(leaf.target)
        self._run("INSERT OR REPLACE INTO leaf VALUES (?, ?, ?, ?, 0)", *row)

    def mark_listed(self, path: str) -> None:
        self._run("UPDATE leaf SET listed = 1 WHERE path = ?", _stored(path))

    def late(self) -> Iterator[str]:
        """The paths of hard links whose files have not come, as long as there are any."""
        while found := self._run(f"SELECT path FROM leaf WHERE kind = '{Kind.HARDLINK}' LIMIT 1").fetchone():  # noqa: S608
            yield _shown(found[0])

    def unlisted(self, kind: Kind) -> Iterator[str]:
        """The paths of that kind that the index has not."""
        for (path,) in self._run("SELECT path FROM leaf WHERE kind = ? AND NOT listed", kind.value):
            yield _shown(path)

    def _run(self, statement: str, *values: str | bytes) -> sqlite3.Cursor:
        try:
            return self._table.execute(statement, values)
        except sqlite3.OperationalError as error:  # its pages go to disk now and then
            raise OSError(ENOSPC, f"no room to check the archive: {error}") from error


def _stored(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")  # a name that is not UTF-8, or any that an index claims


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "surrogatepass")


class PaperTree:
    """Judges members as ``FileTree`` does; ``faults`` then holds the paths against the index."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._leaves = Leaves()
        self._leaves.put("", Leaf(Kind.DIRECTORY))
        self._folder = ""  # known to be one; what follows is most often in the same
        self._index: IO[bytes] | None = None

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
        self._put(path, Leaf(Kind.FILE, digest.digest()))
        self._index = kept or self._index

    def symlink(self, path: str, member: Member) -> None:
        self._put(path, Leaf(Kind.SYMLINK, target=member.link))

    def hardlink(self, path: str, source: str) -> None:
        found = self._leaves.get(source)
        self._put(path, found if found and found.kind is Kind.FILE else Leaf(Kind.HARDLINK, target=source))

    def _put(self, path: str, leaf: Leaf) -> None:
        self._expect_folder(path.rpartition("/")[0], path)
        found = self._leaves.get(path)
        if found and found.kind is not leaf.kind and not {found.kind, leaf.kind} <= FILES:
            raise fault(ArchiveTypeChange, self._where, "occurs before as something else", path)
        self._leaves.put(path, leaf)

    def _expect_folder(self, folder: str, path: str) -> None:
        known, self._folder = self._folder, folder
        while folder != known:
            found = self._leaves.get(folder)
            if found is None:
                self._leaves.put(folder, Leaf(Kind.DIRECTORY))
            elif found.kind is not Kind.DIRECTORY:
                self._folder = ""
                raise fault(ArchiveTypeChange, self._where, "lies below what is no directory", path)
            if not folder:
                return
            folder = folder.rpartition("/")[0]

    def faults(self) -> Iterator[BackupError]:
        """Links that lead nowhere, or out by way of others, and all that the index and the archive say differently."""
        for path in self._leaves.late():
            yield from self._link_late(path)
        for path in self._leaves.unlisted(Kind.SYMLINK):  # of all links: the index is read later
            if leads_out(path, self._link_at):
                yield fault(ArchiveLinkEscape, self._where, "leads out of the target by way of other links", path)
        try:
            yield from self._against_index() if self._index is not None else ()
        except ArchiveMalformed as error:
            yield error

    def _link_late(self, path: str) -> Iterator[BackupError]:
        """Puts the file where the hard link is, and where those are that it leads over."""
        chain, found = list[tuple[str, str]](), self._leaves.get(path)
        while found and found.kind is Kind.HARDLINK:
            chain.append((path, found.target))
            self._leaves.put(path, Leaf(Kind.SPECIAL))  # who comes by here again goes round in circles
            path, found = found.target, self._leaves.get(found.target)
        for link, source in chain:
            if found and found.kind is Kind.FILE:
                self._leaves.put(link, found)
            else:
                yield fault(
                    ArchiveMalformed, self._where, f"is a hard link to {source[:300]!a}, no file of the archive", link
                )

    def _against_index(self) -> Iterator[BackupError]:
        assert self._index
        self._index.seek(0)
        for entry in index.read(iter(partial(self._index.readline, index.MAX_LINE), b""), self._where):
            yield from self._compared(entry)
            self._leaves.mark_listed(entry.path)
        for path in self._leaves.unlisted(Kind.FILE):
            if path != index.NAME:
                yield fault(ArchiveMalformed, self._where, "is in the archive, and not in its index", path)

    def _compared(self, entry: index.IndexEntry) -> Iterator[BackupError]:
        leaf = self._leaves.get(entry.path)
        if leaf is None or leaf.kind != entry.type:
            yield fault(ArchiveMalformed, self._where, f"is a {entry.type} in the index, and not in the archive", entry.path)
        elif leaf.kind is Kind.FILE and leaf.digest.hex() != entry.sha256:
            problem = f"its sha256 is {leaf.digest.hex()}, the index says {entry.sha256}"
            yield fault(DigestMismatch, self._where, problem, entry.path)

    def _link_at(self, path: str) -> str | None:
        leaf = self._leaves.get(path)
        return leaf.target if leaf and leaf.kind is Kind.SYMLINK else None
