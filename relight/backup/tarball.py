"""Reading tar strictly: pax, GNU long names, both common sparse forms, and an end that is the end.

The standard library's reader takes a damaged header for the end of the archive and reads extension headers of any size
into memory; a restore may do neither.
"""

import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from relight.backup.faults import fault
from relight.backup.pull import Pull
from relight.backup.sparse import Segments, checked, old_map, pax_map
from relight.errors import ArchiveMalformed, ArchiveTrailingGarbage, ArchiveTruncated

BLOCK = 512
ZEROS = bytes(BLOCK)
MAX_EXTENSION = 2**20
MAX_EXTENSIONS = 8  # in a row, before a member
MAX_PADDING = 2**20
MAX_TIME = 2**33  # the year 2242, in seconds
XATTR = "SCHILY.xattr."  # star's records, which GNU tar and libarchive read too
KEPT_XATTRS = f"{XATTR}user."  # the other namespaces belong to the system that wrote them
INTERPRETED = re.compile(r"path|linkpath|size|mtime|uid|gid|GNU\.sparse\..*")


class Kind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    SPECIAL = "special"


KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.GNUTYPE_SPARSE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
    tarfile.CHRTYPE: Kind.SPECIAL,
    tarfile.BLKTYPE: Kind.SPECIAL,
    tarfile.FIFOTYPE: Kind.SPECIAL,
}
GLOBAL = b"g"
LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)


@dataclass(frozen=True, slots=True)
class Member:
    """One member. ``size`` is the file's length, holes included; ``mtime`` in ns; ``offset`` where its headers begin;
    ``stored`` how many bytes of content follow; ``xattrs`` only of the ``user.`` namespace."""

    name: str
    kind: Kind
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    link: str
    offset: int
    segments: Segments
    source: Pull
    xattrs: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def stored(self) -> int:
        return sum(length for _, length in self.segments)

    def pieces(self) -> Iterator[tuple[int, memoryview]]:
        """The content as (offset in the file, bytes), without the holes. To be read once, before the next member."""
        for start, length in self.segments:
            for piece in self.source.pieces(length):
                yield start, piece
                start += len(piece)


def members(raw: Iterator[bytes], where: str) -> Iterator[Member]:
    """Every member in order; reads ``raw`` to its very end.

    Raises ArchiveMalformed, ArchiveTruncated, ArchiveTrailingGarbage; what ``raw`` raises passes.
    """
    source = Pull(raw, where)
    while member := next_member(source, where):
        stored = member.stored
        end = source.taken + stored + -stored % BLOCK
        yield member
        source.skip(end - source.taken)
    expect_end(source, where)


def next_member(source: Pull, where: str) -> Member | None:
    """The member whose headers come next; its content follows in ``source``. None at the archive's end mark."""
    offset = source.taken
    header, extended = _headers(source, where)
    return None if header is None else _member(header, extended, source, where, offset)


def _headers(source: Pull, where: str) -> tuple[bytes | None, dict[str, str]]:
    """The next member's own header block (None at the end of the archive) and what its extension headers said."""
    extended: dict[str, str] = {}
    for _ in range(MAX_EXTENSIONS):
        block = source.peek(BLOCK)
        if len(block) < BLOCK:
            raise fault(ArchiveTruncated, where, f"the tar inside stops after {source.taken} bytes, without its end mark")
        source.take(BLOCK)
        if block == ZEROS and not extended:
            return None, {}
        flag = block[156:157]
        if flag in LONG:
            extended[LONG[flag]] = _text(_extension(block, source, where).split(b"\0", 1)[0])
        elif flag in PAX:
            extended |= pax_records(_extension(block, source, where), where)
        elif flag == GLOBAL:
            _refuse_global(pax_records(_extension(block, source, where), where), where)
        else:
            return block, extended
    raise fault(ArchiveMalformed, where, f"has more than {MAX_EXTENSIONS} tar extension headers in a row")


def _refuse_global(records: dict[str, str], where: str) -> None:
    if meant := sorted(filter(INTERPRETED.fullmatch, records)):
        raise fault(ArchiveMalformed, where, f"has a global header that would set {', '.join(meant)} of every member")


def _extension(block: bytes, source: Pull, where: str) -> bytes:
    size = _info(block, where).size
    if not 0 <= size <= MAX_EXTENSION:
        raise fault(ArchiveMalformed, where, f"has a tar extension header of {size} bytes")
    return source.take(size + -size % BLOCK)[:size]


def _info(block: bytes, where: str) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise fault(ArchiveMalformed, where, f"has a damaged tar header ({error})") from None


def pax_records(data: bytes, where: str) -> dict[str, str]:
    """The records of a pax header, each ``<length> <key>=<value>\\n``."""
    records: dict[str, str] = {}
    at = 0
    while at < len(data):
        digits = data[at : at + 8].split(b" ", 1)[0]
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = data[at + len(digits) + 1 : end - 1].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise fault(ArchiveMalformed, where, "has a damaged pax header")
        records[_text(key)] = _text(value)
        at = end
    return records


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _member(block: bytes, extended: dict[str, str], source: Pull, where: str, offset: int) -> Member:
    info = _info(block, where)
    name = extended.get("GNU.sparse.name") or extended.get("path") or info.name
    kind = KINDS.get(info.type)
    if kind is None:
        raise fault(ArchiveMalformed, where, f"has tar type {info.type!r}, which no backup needs", name)
    stored = _number(extended, "size", info.size, where)
    if stored < 0 or (stored and kind is not Kind.FILE):
        raise fault(ArchiveMalformed, where, f"says it has {stored} bytes of content, and is a {kind}", name)
    size, segments = _layout(block, info.type, extended, stored, source, where)
    return Member(
        name=name,
        kind=kind,
        mode=info.mode & 0o7777,
        uid=_owner(extended, "uid", info.uid, where),
        gid=_owner(extended, "gid", info.gid, where),
        mtime=_time(extended.get("mtime") or str(info.mtime), where),
        size=size,
        link=extended.get("linkpath") or info.linkname,
        offset=offset,
        segments=segments,
        source=source,
        xattrs=_xattrs(extended),
    )


def _xattrs(extended: dict[str, str]) -> dict[str, bytes]:
    kept = ((key.removeprefix(XATTR), value) for key, value in extended.items() if key.startswith(KEPT_XATTRS))
    return {key.replace("%3D", "=").replace("%25", "%"): value.encode("utf-8", "surrogateescape") for key, value in kept}


def _layout(
    block: bytes, flag: bytes, extended: dict[str, str], stored: int, source: Pull, where: str
) -> tuple[int, Segments]:
    """The file's length, and which parts of it the archive holds."""
    if flag == tarfile.GNUTYPE_SPARSE:
        size, segments = old_map(block, source, where)
        return size, checked(segments, size, stored, where)
    if not any(key.startswith("GNU.sparse.") for key in extended):
        return stored, ((0, stored),) if stored else ()
    if extended.get("GNU.sparse.major") != "1" or extended.get("GNU.sparse.minor") != "0":
        raise fault(ArchiveMalformed, where, "has a sparse file in a form other than pax 1.0 or old GNU")
    size = _number(extended, "GNU.sparse.realsize", -1, where)
    before = source.taken
    segments = pax_map(source, stored, where)
    return size, checked(segments, size, stored - (source.taken - before), where)


def _number(extended: dict[str, str], key: str, otherwise: int, where: str) -> int:
    if not (given := extended.get(key)):
        return otherwise
    if not re.fullmatch(r"[0-9]{1,18}", given):
        raise fault(ArchiveMalformed, where, f"has a pax header whose {key} is no number")
    return int(given)


def _owner(extended: dict[str, str], key: str, otherwise: int, where: str) -> int:
    if not 0 <= (owner := _number(extended, key, otherwise, where)) < 2**32 - 1:
        raise fault(ArchiveMalformed, where, f"has a member with the {key} {owner}")
    return owner


def _time(text: str, where: str) -> int:
    match = re.fullmatch(r"(-?)([0-9]{1,12})(?:\.([0-9]*))?", text)
    if match is None or int(match[2]) > MAX_TIME:
        raise fault(ArchiveMalformed, where, f"has a member with the modification time {text[:40]!a}")
    nanoseconds = int(match[2]) * 10**9 + int((match[3] or "").ljust(9, "0")[:9])
    return -nanoseconds if match[1] else nanoseconds


def expect_end(source: Pull, where: str) -> None:
    """After the end mark there is padding, and nothing else."""
    padding = 0
    while rest := source.peek(BLOCK):
        source.take(len(rest))
        padding += len(rest)
        if rest.strip(b"\0") or padding > MAX_PADDING:
            raise fault(ArchiveTrailingGarbage, where, f"goes on after the end of the tar inside, at byte {source.taken}")
