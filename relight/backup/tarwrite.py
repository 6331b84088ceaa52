"""Writing tar: a volume's tree as members in pax form, in one order for equal trees, content read once."""

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from errno import ENOTSUP, ENXIO
from hashlib import sha256
from io import FileIO
from pathlib import Path

from relight.backup.faults import fault
from relight.backup.index import IndexEntry, time_of
from relight.backup.names import link_leaves
from relight.backup.sparse import Segments, hash_hole, write_map
from relight.backup.tarball import BLOCK, Kind
from relight.backup.tarhead import header, xattr_records
from relight.errors import ArchiveLinkEscape, NotPermitted, SourceChanged

READ = 2**18  # stays in the processor's cache between reading, hashing and packing
END = bytes(2 * BLOCK)


@dataclass(slots=True)
class Packed:
    """One member to be written: ``head``, the content in ``chunks``, to be read once, and padding; ``raw`` bytes in all.

    ``segments``: which parts of its file the content is.
    """

    raw: int
    head: bytes
    segments: Segments = ()
    chunks: Iterable[bytes] = ()


@dataclass(slots=True)
class Tree:
    """Walks a volume's directory into members. ``base`` is its name in the archive: ``volumes/<namespace>/<claim>``.

    While its members are read, ``entries`` (their index), ``size``, ``files`` and ``left_out`` (sockets and devices, which
    no archive may hold) fill up. ``inodes``, shared between volumes, keeps hard links.
    """

    root: Path
    base: str
    inodes: dict[tuple[int, int], IndexEntry]
    entries: list[IndexEntry] = field(default_factory=list)
    size: int = 0
    files: int = 0
    left_out: list[str] = field(default_factory=list)

    def members(self) -> Iterator[Packed]:
        """Raises SourceChanged for what changes while it is read, ArchiveLinkEscape for a link that points out,
        NotPermitted for what cannot be read."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            path, name = f"{self.root}{below}", f"{self.base}{below}"
            with readable(path):
                found = os.lstat(path)
                yield from self._member(path, name, found)
                if stat.S_ISDIR(found.st_mode):
                    waiting += sorted((f"{below}/{child.name}" for child in os.scandir(path)), reverse=True)

    def _member(self, path: str, name: str, found: os.stat_result) -> Iterator[Packed]:
        if stat.S_ISDIR(found.st_mode):
            yield self._plain(name, found, tarfile.DIRTYPE, Kind.DIRECTORY, path=path)
        elif stat.S_ISLNK(found.st_mode):
            yield self._symlink(path, name, found)
        elif stat.S_ISREG(found.st_mode):
            yield self._file(path, name, found)
        else:
            self.left_out.append(name)

    def _plain(self, name: str, found: os.stat_result, flag: bytes, kind: Kind, link: str = "", path: str = "") -> Packed:
        self.entries.append(_entry(name, found, kind, target=link))
        head = header(name, flag, found, link=link, pax=xattr_records(_xattrs(path)) if path else None)
        return Packed(len(head), head)

    def _symlink(self, path: str, name: str, found: os.stat_result) -> Packed:
        target = os.readlink(path)  # noqa: PTH115 (a Path would tidy the target up)
        root, real = os.path.realpath(self.root), os.path.realpath(path)
        if link_leaves(name.removeprefix(f"{self.base}/"), target) or not f"{real}/".startswith(f"{root}/"):
            raise fault(ArchiveLinkEscape, str(self.root), f"links out of its volume, to {target!a}", name)
        return self._plain(name, found, tarfile.SYMTYPE, Kind.SYMLINK, target)

    def _file(self, path: str, name: str, found: os.stat_result) -> Packed:
        self.files += 1
        if found.st_nlink > 1 and (first := self.inodes.get((found.st_dev, found.st_ino))):
            self.entries.append(_entry(name, found, Kind.FILE, size=first.bytes, digest=first.sha256))
            head = header(name, tarfile.LNKTYPE, found, link=first.path)
            return Packed(len(head), head)
        self.size += found.st_size
        head, segments = file_header(name, path, found)
        stored = sum(length for _, length in segments)
        chunks = self._content(path, name, found, segments)
        return Packed(len(head) + stored + -stored % BLOCK, head, segments, chunks)

    def _content(self, path: str, name: str, found: os.stat_result, segments: Segments) -> Iterator[bytes]:
        digest = sha256()
        with readable(path), FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)) as file:
            at = 0
            for start, length in segments:
                hash_hole(digest.update, start - at)
                for chunk in _exactly(file, start, length, path):
                    digest.update(chunk)
                    yield chunk
                at = start + length
            hash_hole(digest.update, found.st_size - at)
            _expect_same(found, os.fstat(file.fileno()), path)
        entry = _entry(name, found, Kind.FILE, size=found.st_size, digest=digest.hexdigest())
        self.entries.append(entry)
        if found.st_nlink > 1:
            self.inodes[found.st_dev, found.st_ino] = entry


def content(name: str, size: int, chunks: Iterator[bytes]) -> Packed:
    """A member that is no file of ours: readable by all, dated 1970."""
    head = tarfile.TarInfo(name)
    head.size = size
    block = head.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return Packed(len(block) + size + -size % BLOCK, block, ((0, size),), chunks)


class readable:
    """The system's errors about the app's own files, as ours."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise _changed(self._path) from None
        if isinstance(error, OSError):
            raise NotPermitted(
                self._path, f"cannot be read ({error.strerror})", "run the backup as a user who may read the volume"
            ) from None


def file_header(name: str, path: str, found: os.stat_result) -> tuple[bytes, Segments]:
    """Headers of a file (with its map, when it has holes) and the parts of it whose bytes follow."""
    size, segments, xattrs = found.st_size, _segments(path, found), xattr_records(_xattrs(path))
    if sum(length for _, length in segments) == size:
        return header(name, tarfile.REGTYPE, found, size, pax=xattrs), segments
    told = segments if segments and sum(segments[-1]) == size else (*segments, (size, 0))  # GNU tar wants the end told
    written = write_map(told)
    real = name.encode("utf-8", "surrogateescape")
    form = {"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0", "GNU.sparse.name": real, "GNU.sparse.realsize": b"%d" % size}
    folder, _, base = name.rpartition("/")
    stored = len(written) + sum(length for _, length in segments)
    return header(f"{folder}/GNUSparseFile.0/{base}", tarfile.REGTYPE, found, stored, pax=form | xattrs) + written, told


def _xattrs(path: str) -> dict[str, bytes]:
    """The extended attributes that are the app's own: the other namespaces belong to the system."""
    if not hasattr(os, "listxattr"):
        return {}
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno == ENOTSUP:
            return {}
        raise
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names if name.startswith("user.")}


def _segments(path: str, found: os.stat_result) -> Segments:
    """Where the file has data. All of it, where the file system does not tell."""
    size = found.st_size
    whole = ((0, size),) if size else ()
    if found.st_blocks * BLOCK >= size:
        return whole
    segments: list[tuple[int, int]] = []
    end = 0
    with FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)) as file:
        while end < size:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                return tuple(segments) if error.errno == ENXIO else whole  # ENXIO: a hole up to the end
            end = min(os.lseek(file.fileno(), start, os.SEEK_HOLE), size)
            segments.append((start, end - start))
    return tuple(segments)


def _exactly(file: FileIO, start: int, length: int, path: str) -> Iterator[bytes]:
    file.seek(start)
    while length:
        chunk = file.read(min(READ, length))
        if not chunk:
            raise _changed(path)
        length -= len(chunk)
        yield chunk


def _expect_same(before: os.stat_result, after: os.stat_result, path: str) -> None:
    if any(getattr(before, field) != getattr(after, field) for field in ("st_ino", "st_size", "st_mtime_ns")):
        raise _changed(path)


def _changed(path: str) -> SourceChanged:
    return SourceChanged(
        f"{path}: changed while it was read; its copy would be torn: stop its writer, or back up a snapshot"
    )


def _entry(name: str, found: os.stat_result, kind: Kind, size: int = 0, digest: str = "", target: str = "") -> IndexEntry:
    mode, mtime = f"{stat.S_IMODE(found.st_mode):04o}", time_of(found.st_mtime_ns)
    return IndexEntry(name, kind, size, mode, mtime, digest, target)
