"""Where a member belongs, by the contract's rules; and counting what is placed. Imports little: workers begin with it."""

from typing import Protocol

from relight.backup import index
from relight.backup.faults import fault
from relight.backup.names import inside, link_inside
from relight.backup.tarball import Kind, Member
from relight.errors import ArchiveEscape, ArchiveLinkEscape, ArchiveMalformed, ArchiveSpecialFile


class Tree(Protocol):
    """Where members go. Paths are plain and inside; each method raises ArchiveTypeChange where another kind is there."""

    def directory(self, path: str, member: Member) -> None: ...
    def file(self, path: str, member: Member) -> None: ...
    def symlink(self, path: str, member: Member) -> None: ...
    def hardlink(self, path: str, source: str) -> None: ...


class Count:
    """What a part of an archive holds: ``members``, and bytes and files by volume (those outside of any under ``""``)."""

    def __init__(self) -> None:
        self.members = 0
        self.volumes: dict[str, list[int]] = {}

    def volume(self, path: str) -> list[int]:
        """The [bytes, files] of the volume that ``path`` lies in, to be added to."""
        top, *volume = path.split("/", 3)[:3]
        key = "/".join(volume) if top == "volumes" and len(volume) == 2 else ""
        return self.volumes.setdefault(key, [0, 0])

    def add(self, path: str, member: Member) -> None:
        self.members += 1
        volume = self.volume(path)
        if path != index.NAME:
            volume[0] += member.size
            volume[1] += member.kind in (Kind.FILE, Kind.HARDLINK)


def place(tree: Tree, path: str, member: Member, where: str) -> None:
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
        tree.hardlink(path, _source(path, member, where))


def _source(path: str, member: Member, where: str) -> str:
    try:
        source = inside(member.link, where)
    except ArchiveEscape:
        raise fault(ArchiveLinkEscape, where, f"is a hard link out of the target, to {member.link[:300]!a}", path) from None
    if source in ("", path):
        raise fault(ArchiveMalformed, where, "is a hard link to itself", path)
    return source
