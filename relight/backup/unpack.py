"""Unpacking a state archive by the contract's rules, into a tree: of files, or on paper when it is only checked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from relight.backup import index
from relight.backup.faults import fault, refuse
from relight.backup.metadata import Metadata
from relight.backup.names import inside
from relight.backup.place import Count, Tree, place
from relight.backup.tarball import Member, members
from relight.errors import ArchiveMalformed, ArchiveTooLarge, BackupError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a state archive may hold: ``bytes`` of file content, holes included, and ``files``: files, links, directories."""

    bytes: int = 50 * 2**30
    files: int = 2_000_000


@dataclass(frozen=True, slots=True)
class VolumeSize:
    namespace: str
    claim: str
    bytes: int
    files: int


class Tally:
    """Counts what was unpacked and holds it against the limits: the configured, and the backup's own word."""

    def __init__(self, where: str, limits: Limits, metadata: Metadata) -> None:
        self._where, self._limits = where, limits
        self._declared_bytes, self._declared_files = metadata.declared_bytes, metadata.declared_files
        self.bytes = self.files = self.members = 0
        self._volumes: dict[str, list[int]] = {}

    def count(self, path: str, member: Member) -> None:
        """Raises ArchiveTooLarge before the member's content is read."""
        self._hold("bytes", member.size, self._limits.bytes, "the limit")
        one = Count()
        one.add(path, member)
        self.include(one.members, one.volumes)

    def include(self, members: int, volumes: Mapping[str, Sequence[int]]) -> None:
        """Adds a ``Count``'s figures. Raises ArchiveTooLarge."""
        self.members += members
        for key, (size, files) in volumes.items():
            volume = self._volumes.setdefault(key, [0, 0])
            volume[0] += size
            volume[1] += files
            self.bytes += size
            self.files += files
        self._hold("bytes", self.bytes, self._limits.bytes, "the limit")
        self._hold("members", self.members, self._limits.files, "the limit")
        self._hold("bytes", self.bytes, self._declared_bytes, "the metadata declares")
        self._hold("files", self.files, self._declared_files, "the metadata declares")

    @property
    def volumes(self) -> tuple[VolumeSize, ...]:
        named = sorted((key.partition("/"), found) for key, found in self._volumes.items() if key)
        return tuple(VolumeSize(namespace, claim, *found) for (namespace, _, claim), found in named)

    def _hold(self, what: str, counted: int, most: int | None, whose: str) -> None:
        if most is not None and counted > most:
            raise fault(ArchiveTooLarge, self._where, f"holds more {what} than {whose}: {counted} or more, {most} allowed")


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
            place(tree, path, member, where)
        except BackupError as error:
            if member.source.broken or isinstance(error, ArchiveTooLarge):
                raise
            on_fault(error)
