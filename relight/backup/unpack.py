"""Unpacking a state archive by the contract's rules, into a tree: of files, or on paper when it is only checked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from relight.backup import index
from relight.backup.faults import fault, refuse
from relight.backup.metadata import Metadata
from relight.backup.names import inside, link_inside
from relight.backup.tarball import Kind, Member, members
from relight.errors import (
    ArchiveEscape,
    ArchiveLinkEscape,
    ArchiveMalformed,
    ArchiveSpecialFile,
    ArchiveTooLarge,
    BackupError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a state archive may hold: ``bytes`` of file content, holes included, and ``files``: files, links, directories."""

    bytes: int = 50 * 2**30
    files: int = 2_000_000


class Tree(Protocol):
    """Where members go. Paths are plain and inside; each method raises ArchiveTypeChange where another kind is there."""

    def directory(self, path: str, member: Member) -> None: ...
    def file(self, path: str, member: Member) -> None: ...
    def symlink(self, path: str, member: Member) -> None: ...
    def hardlink(self, path: str, source: str, member: Member) -> None: ...


@dataclass(slots=True)
class VolumeSize:
    namespace: str
    claim: str
    bytes: int = 0
    files: int = 0


class Tally:
    """Counts what was unpacked and holds it against the limits: the configured, and the backup's own word."""

    def __init__(self, where: str, limits: Limits, metadata: Metadata) -> None:
        self._where, self._limits = where, limits
        self._declared_bytes, self._declared_files = metadata.declared_bytes, metadata.declared_files
        self.bytes = self.files = self.members = 0
        self.volumes: dict[tuple[str, ...], VolumeSize] = {}

    def count(self, path: str, member: Member) -> None:
        """Raises ArchiveTooLarge before the member's content is read."""
        self.members += 1
        is_index = path == index.NAME
        size = 0 if is_index else member.size
        self.bytes += size
        self.files += not is_index and member.kind in (Kind.FILE, Kind.HARDLINK)
        self._hold("bytes", max(self.bytes, member.size), self._limits.bytes, "the limit")
        self._hold("members", self.members, self._limits.files, "the limit")
        self._hold("bytes", self.bytes, self._declared_bytes, "the metadata declares")
        self._hold("files", self.files, self._declared_files, "the metadata declares")
        self._add(path, member, size)

    def _hold(self, what: str, counted: int, most: int | None, whose: str) -> None:
        if most is not None and counted > most:
            raise fault(ArchiveTooLarge, self._where, f"holds more {what} than {whose}: {counted} or more, {most} allowed")

    def _add(self, path: str, member: Member, size: int) -> None:
        top, *volume = path.split("/")[:3]
        if top == "volumes" and len(volume) == 2:
            found = self.volumes.setdefault(tuple(volume), VolumeSize(volume[0], volume[1]))
            found.bytes += size
            found.files += member.kind in (Kind.FILE, Kind.HARDLINK)


def unpack(
    raw: Iterator[bytes], where: str, tree: Tree, tally: Tally, on_fault: Callable[[BackupError], object] = refuse
) -> None:
    """Every member of the raw tar into ``tree``. ``on_fault`` hears of members that break a rule, and may let them pass.

    Raises the errors of ``tarball.members``, ArchiveTooLarge, and per member through ``on_fault`` ArchiveEscape,
    ArchiveLinkEscape, ArchiveSpecialFile, ArchiveTypeChange, ArchiveMalformed.
    """
    ended = False
    for member in members(raw, where):
        try:
            path = inside(member.name, where)
            tally.count(path, member)
            if ended:
                raise fault(ArchiveMalformed, where, f"comes after {index.NAME}, which must be the last", member.name)
            ended = path == index.NAME
            _place(tree, path, member, where)
        except BackupError as error:
            if member.source.broken or isinstance(error, ArchiveTooLarge):
                raise
            on_fault(error)


def _place(tree: Tree, path: str, member: Member, where: str) -> None:
    if member.kind is Kind.SPECIAL:
        raise fault(ArchiveSpecialFile, where, "is a device, FIFO or socket", member.name)
    if not path and member.kind is not Kind.DIRECTORY:
        raise fault(ArchiveEscape, where, "has the name of the target itself", member.name)
    if path == index.NAME and member.kind is not Kind.FILE:
        raise fault(ArchiveMalformed, where, f"is a {member.kind}, and must be a plain file", member.name)
    if member.kind is Kind.FILE:
        tree.file(path, member)
    elif member.kind is Kind.DIRECTORY:
        tree.directory(path, member)
    elif member.kind is Kind.SYMLINK:
        link_inside(path, member.link, where)
        tree.symlink(path, member)
    else:
        tree.hardlink(path, _source(path, member, where), member)


def _source(path: str, member: Member, where: str) -> str:
    try:
        source = inside(member.link, where)
    except ArchiveEscape:
        raise fault(ArchiveLinkEscape, where, f"is a hard link out of the target, to {member.link[:300]!a}", path) from None
    if source in ("", path):
        raise fault(ArchiveMalformed, where, "is a hard link to itself", path)
    return source
