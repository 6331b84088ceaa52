"""A tree of real files below one directory, which no member can leave: every step is taken from an open directory, without
following links."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import ELOOP, ENOTDIR
from pathlib import Path

from relight.backup.faults import fault
from relight.backup.names import goes_back, leads_out
from relight.backup.tarball import Member
from relight.errors import ArchiveLinkEscape, ArchiveMalformed, ArchiveTypeChange, RelightError, RestoreFailed

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_AT_ONCE = 256
AS_ROOT = os.geteuid() == 0  # only root can give files their owners; others own what they restore, as with tar

Stamp = tuple[int, int, int, int]  # mode, uid, gid, mtime in ns


def stamp_of(member: Member) -> Stamp:
    return member.mode, member.uid, member.gid, member.mtime


class FileTree:
    """Files, links and directories below ``root``. Directories get their modes and times in ``finish``.

    Methods raise ArchiveTypeChange, ArchiveMalformed, and RestoreFailed where the disk refuses.
    """

    def __init__(self, root: Path, where: str) -> None:
        self._root, self._where = root, where
        self._open: dict[str, int] = {"": os.open(root, OPEN_DIRECTORY)}
        self.directories: dict[str, Stamp] = {}
        self.roundabout: list[str] = []
        self._awaiting: dict[str, str] = {}  # hard links that came before their files

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def directory(self, path: str, member: Member) -> None:
        with self.told(path):
            keep(self._descend(path), member.xattrs)
            self.directories[path] = stamp_of(member)

    def file(self, path: str, member: Member) -> None:
        with self.told(path):
            descriptor = self._create(path)
            try:
                for offset, piece in member.pieces():
                    write(descriptor, piece, offset)
                os.ftruncate(descriptor, member.size)
                keep(descriptor, member.xattrs)
                settle(descriptor, stamp_of(member))
            finally:
                os.close(descriptor)

    def symlink(self, path: str, member: Member) -> None:
        with self.told(path):
            folder, base = self._parent(path)
            try:
                os.symlink(member.link, base, dir_fd=folder)
            except FileExistsError:
                self._make_room(folder, base, stat.S_ISLNK, path)
                os.symlink(member.link, base, dir_fd=folder)
            if AS_ROOT:
                os.chown(base, member.uid, member.gid, dir_fd=folder, follow_symlinks=False)
            os.utime(base, ns=(member.mtime, member.mtime), dir_fd=folder, follow_symlinks=False)
            self.roundabout += [path] if goes_back(member.link) else []

    def hardlink(self, path: str, source: str) -> None:
        with self.told(path):
            if self._link(path, source):
                return
            with suppress(FileNotFoundError):
                self._make_room(*self._parent(path), stat.S_ISREG, path)
            self._awaiting[path] = source

    def _link(self, path: str, source: str) -> bool:
        """False where no file is at ``source``."""
        if (target := self._existing_file(source)) is None:
            return False
        folder, base = self._parent(path)
        try:
            os.link(target[1], base, src_dir_fd=target[0], dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            self._make_room(folder, base, stat.S_ISREG, path)
            os.link(target[1], base, src_dir_fd=target[0], dst_dir_fd=folder, follow_symlinks=False)
        return True

    def _link_late(self) -> None:
        """The hard links that came before their files, those first that others lead to."""
        while self._awaiting:
            path, chain = next(iter(self._awaiting)), list[tuple[str, str]]()
            while path in self._awaiting:
                chain.append((path, path := self._awaiting.pop(path)))
            for link, source in reversed(chain):
                self._link_unless_replaced(link, source)

    def _link_unless_replaced(self, path: str, source: str) -> None:
        with self.told(path):
            folder, base = self._parent(path)
            try:
                since = os.stat(base, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                if not self._link(path, source):
                    problem = f"is a hard link to {source[:300]!a}, no file of the archive"
                    raise fault(ArchiveMalformed, self._where, problem, path) from None
            else:
                if not stat.S_ISREG(since.st_mode):
                    raise fault(ArchiveTypeChange, self._where, "occurs again as something else", path)

    def adopt(self, made: Path, path: str, stamp: Stamp) -> None:
        """Puts the file ``made``, which lies elsewhere on the same disk, at ``path``. Raises ArchiveTypeChange."""
        with self.told(path):
            folder, base = self._parent(path)
            try:
                os.link(made, base, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                raise fault(ArchiveTypeChange, self._where, "occurs before", path) from None
            made.unlink()
            descriptor = os.open(base, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                settle(descriptor, stamp)
            finally:
                os.close(descriptor)

    def finish(self) -> None:
        """Proves that no link, followed through the others, leads out; then gives directories their modes and times."""
        self._link_late()
        for path in self.roundabout:
            if leads_out(path, self._link_at):
                raise fault(ArchiveLinkEscape, self._where, "leads out of the target by way of other links", path)
        for path in sorted(self.directories, reverse=True):  # what is below first: its parents may become unwritable
            with self.told(path):
                settle(self._descend(path), self.directories[path])

    def _link_at(self, path: str) -> str | None:
        try:
            return str((self._root / path).readlink())
        except OSError:
            return None

    def _create(self, path: str) -> int:
        folder, base = self._parent(path)
        try:
            return os.open(base, NEW_FILE, 0o600, dir_fd=folder)
        except FileExistsError:
            self._make_room(folder, base, stat.S_ISREG, path)
            return os.open(base, NEW_FILE, 0o600, dir_fd=folder)

    def _existing_file(self, path: str) -> tuple[int, str] | None:
        try:
            above, _, base = path.rpartition("/")
            folder = self._descend(above, make=False)
            found = os.stat(base, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return None
        return (folder, base) if stat.S_ISREG(found.st_mode) else None

    def _make_room(self, folder: int, base: str, same: Callable[[int], bool], path: str) -> None:
        """Removes what is there already, when it is of the same kind (its hard links stay as they were)."""
        if not same(os.stat(base, dir_fd=folder, follow_symlinks=False).st_mode):
            raise fault(ArchiveTypeChange, self._where, "occurs before as something else", path)
        os.unlink(base, dir_fd=folder)

    def _parent(self, path: str) -> tuple[int, str]:
        folder, _, base = path.rpartition("/")
        return self._descend(folder), base

    def _descend(self, path: str, make: bool = True) -> int:
        """The open directory ``path``, made where it is missing. It stays open until the next operation at least."""
        known = path
        while known not in self._open:
            known = known.rpartition("/")[0]
        way = [part for part in path[len(known) :].split("/") if part]
        here = self._open[known]
        for done, part in enumerate(way):
            try:
                below = self._step(here, part) if make else os.open(part, OPEN_DIRECTORY, dir_fd=here)
            finally:
                if done:
                    os.close(here)
            here = below
        self._open[path] = here
        return here

    def _step(self, folder: int, part: str) -> int:
        with suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=folder)
        return os.open(part, OPEN_DIRECTORY, dir_fd=folder)

    @contextmanager
    def told(self, path: str) -> Iterator[None]:
        """One operation: the system's errors leave it as ours."""
        self.spare()
        try:
            yield
        except OSError as error:
            raise self.ours(error, path) from error

    def spare(self) -> None:
        """Lets go of the open directories when they have become many."""
        if len(self._open) > OPEN_AT_ONCE:
            root = self._open.pop("")
            self.close()
            self._open[""] = root

    def ours(self, error: OSError, path: str) -> RelightError:
        if error.errno in (ENOTDIR, ELOOP):
            return fault(ArchiveTypeChange, self._where, "lies below what is no directory", path)
        return RestoreFailed(
            f"{self._root}: cannot write {path[:300]!a} ({error.strerror}); nothing was restored; "
            "give the disk more room or other permissions and restore again"
        )


def write(descriptor: int, piece: memoryview, offset: int) -> None:
    while piece:
        written = os.pwrite(descriptor, piece, offset)
        piece, offset = piece[written:], offset + written


def settle(descriptor: int, stamp: Stamp) -> None:
    mode, uid, gid, mtime = stamp
    if AS_ROOT:
        os.fchown(descriptor, uid, gid)
    os.fchmod(descriptor, mode)  # after the owner: a change of owner clears set-user-id
    os.utime(descriptor, ns=(mtime, mtime))


def keep(descriptor: int, xattrs: Mapping[str, bytes]) -> None:
    for name, value in xattrs.items():
        os.setxattr(descriptor, name, value)
