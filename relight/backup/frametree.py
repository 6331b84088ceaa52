"""One frame of an archive unpacked by itself, while other processes unpack other frames into the same tree.

Only what needs no order is done here: files are made where nothing is yet. What needs the whole archive is noted in
``Found``, and ``restore`` sees to it. What is there twice is refused: reading in order decides about that.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from relight.backup import index
from relight.backup.faults import fault
from relight.backup.filetree import AS_ROOT, NEW_FILE, FileTree, Stamp, keep, stamp_of, write
from relight.backup.names import inside
from relight.backup.place import Count, place
from relight.backup.pull import Pull
from relight.backup.quick import Plain, plain_file
from relight.backup.sparse import Segments, split
from relight.backup.tarball import BLOCK, Kind, Member, expect_end, next_member
from relight.errors import ArchiveMalformed, ArchiveTypeChange

CUT_FILE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
PERMISSIONS = 0o777


@dataclass(slots=True)
class Found:
    """What a frame held beside plain files. ``cut``: the file that goes on behind the frame, as (number of its member, the
    segments to come, path, stamp). ``index``: that was its last member. ``ended``: it has the archive's end mark.
    """

    count: Count = field(default_factory=Count)
    directories: dict[str, Stamp] = field(default_factory=dict)
    roundabout: list[str] = field(default_factory=list)
    hardlinks: list[tuple[str, str]] = field(default_factory=list)
    cut: tuple[int, Segments, str, Stamp] | None = None
    index: bool = False
    ended: bool = False


class OnceTree(FileTree):
    """A tree in which nothing may be there twice."""

    def _make_room(self, folder: int, base: str, same: Callable[[int], bool], path: str) -> None:
        raise fault(ArchiveTypeChange, self._where, "occurs before", path)


class FrameTree(OnceTree):
    """A tree that others fill too. Cut files lie in ``cuts``, each under its member's number, until they are whole.

    For the one thread of a process whose umask is 0. No file may be longer than ``most`` bytes.
    """

    def __init__(self, root: Path, cuts: Path, where: str, most: int) -> None:
        super().__init__(root, where)
        self._most = most
        self._cuts = os.open(cuts, os.O_RDONLY | os.O_DIRECTORY)
        self._found = Found()
        made = root.stat()
        self._owner = (made.st_uid, made.st_gid)  # of all that is made below, also where a directory hands its group down

    def hardlink(self, path: str, source: str) -> None:
        self._found.hardlinks.append((path, source))

    def unpack(self, raw: bytes, start: int, continues: tuple[int, Segments] | None) -> Found:
        """Unpacks the frame whose raw bytes begin at ``start`` of the raw archive.

        Raises RestoreFailed where the disk refuses, and every archive error, also for what only reading in order can judge.
        """
        if len(raw) % BLOCK:
            raise fault(ArchiveMalformed, self._where, "has a frame that was cut within a block")
        found = self._found = Found()
        at = self._continue(raw, *continues) if continues else 0
        while at < len(raw):
            at = self._plain_files(raw, at)
            if at < len(raw):
                at = self._member(raw, at, start)
        found.directories, self.directories = self.directories, {}
        found.roundabout, self.roundabout = self.roundabout, []
        return found

    def _continue(self, raw: bytes, member: int, segments: Segments) -> int:
        at = sum(length for _, length in segments)
        with self.told(str(member)):
            self._write_cut(member, segments, memoryview(raw))
        return at + -at % BLOCK

    def _write_cut(self, member: int, segments: Segments, content: memoryview) -> None:
        descriptor = os.open(str(member), CUT_FILE, 0o600, dir_fd=self._cuts)
        try:
            for offset, length in segments:
                write(descriptor, content[:length], offset)
                content = content[length:]
        finally:
            os.close(descriptor)

    def _plain_files(self, raw: bytes, at: int) -> int:
        """Writes the plain files that come next. Where the first member lies that is none."""
        count, view, known, path = self._found.count, memoryview(raw), None, ""
        try:
            while plain := plain_file(raw, at):
                path, size, start = plain[0], plain[5], plain[6]
                folder, _, base = path.rpartition("/")
                if folder != known or base in (".", ".."):
                    if not folder or inside(path, self._where) != path:
                        break
                    self.spare()
                    directory, volume, known = self._descend(folder), count.volume(path), folder
                self._plain_file(directory, base, plain, view[start : start + size])
                volume[0] += size
                volume[1] += 1
                count.members += 1
                at = start + size + -size % BLOCK
        except FileExistsError:
            raise fault(ArchiveTypeChange, self._where, "occurs before", path) from None
        except OSError as error:
            raise self.ours(error, path) from error
        return at

    def _plain_file(self, directory: int, base: str, plain: Plain, content: memoryview) -> None:
        _, mode, uid, gid, mtime, _, _ = plain
        descriptor = os.open(base, NEW_FILE, mode, dir_fd=directory)
        try:
            if content and (done := os.write(descriptor, content)) < len(content):
                write(descriptor, content[done:], done)
            if owned := AS_ROOT and (uid, gid) != self._owner:
                os.fchown(descriptor, uid, gid)
            if owned or mode > PERMISSIONS:  # a change of owner clears set-user-id, and so may a write
                os.fchmod(descriptor, mode)
            os.utime(descriptor, ns=(mtime, mtime))
        finally:
            os.close(descriptor)

    def _member(self, raw: bytes, at: int, start: int) -> int:
        """Whatever comes next, with all that it may be."""
        source = Pull(iter(()), self._where, raw, at)
        member = next_member(source, self._where)
        if member is None:
            expect_end(source, self._where)
            self._found.ended = True
            return len(raw)
        path = inside(member.name, self._where)
        if self._found.index or member.size > self._most:
            raise fault(ArchiveMalformed, self._where, "is larger than may be, or comes too late", path)
        self._found.count.add(path, member)
        self._found.index = path == index.NAME
        content = at + source.taken
        if content + member.stored > len(raw):
            self._cut(path, member, start + at, memoryview(raw)[content:])
            return len(raw)
        place(self, path, member, self._where)
        return content + member.stored + -member.stored % BLOCK

    def _cut(self, path: str, member: Member, number: int, content: memoryview) -> None:
        if member.kind is not Kind.FILE or not path:
            raise fault(ArchiveMalformed, self._where, "is no file, and has content", path)
        here, rest = split(member.segments, len(content))
        with self.told(path):
            self._write_cut(number, here, content)
            descriptor = os.open(str(number), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._cuts)
            try:
                os.ftruncate(descriptor, member.size)
                keep(descriptor, member.xattrs)
            finally:
                os.close(descriptor)
        self._found.cut = (number, rest, path, stamp_of(member))
