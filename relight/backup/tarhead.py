"""Tar headers in pax form. ``tarfile`` writes the same bytes, and takes as long for one as reading, hashing and compressing
a small file takes."""

import os
import stat
from collections.abc import Iterator, Mapping
from zlib import adler32

from relight.backup.tarball import BLOCK, XATTR

PAX = b"x"
NUMBERS = {"uid": 7, "gid": 7, "size": 11, "mtime": 11}  # octal digits that a plain header has room for


def header(
    name: str, flag: bytes, found: os.stat_result, size: int = 0, link: str = "", pax: Mapping[str, bytes] | None = None
) -> bytes:
    """A member's header blocks, in pax form where the plain one cannot hold a value."""
    seconds, rest = divmod(found.st_mtime_ns, 10**9)
    numbers = {"uid": found.st_uid, "gid": found.st_gid, "size": size, "mtime": seconds}
    records = dict(pax or {})
    for key, text in (("path", name), ("linkpath", link)):
        if not text.isascii() or len(text) > 100:
            records[key] = text.encode("utf-8", "surrogateescape")
    for key, digits in NUMBERS.items():
        if not 0 <= numbers[key] < 8**digits:
            records[key] = b"%d" % numbers[key]
            numbers[key] = 0
    if rest:
        records["mtime"] = _decimal(found.st_mtime_ns)
    fields = stat.S_IMODE(found.st_mode), numbers["uid"], numbers["gid"], numbers["size"], numbers["mtime"]
    plain = _block(_ascii(name), flag, fields, _ascii(link))
    return _extension(records) + plain if records else plain


def xattr_records(xattrs: Mapping[str, bytes]) -> dict[str, bytes]:
    return {XATTR + key.replace("%", "%25").replace("=", "%3D"): value for key, value in xattrs.items()}


def _decimal(nanoseconds: int) -> bytes:
    return b"%b%d.%09d" % (b"-" if nanoseconds < 0 else b"", *divmod(abs(nanoseconds), 10**9))


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace")[:100]


def _block(name: bytes, flag: bytes, fields: tuple[int, int, int, int, int], link: bytes) -> bytes:
    """``fields``: mode, uid, gid, size, mtime in seconds."""
    before = name.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % fields
    behind = flag + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(247)
    checksum = (adler32(behind, adler32(before)) & 0xFFFF) - 1 + 8 * 32  # a sum of bytes, exact for ASCII
    return b"%b%06o\0 %b" % (before, checksum, behind)


def _extension(records: Mapping[str, bytes]) -> bytes:
    content = b"".join(_records(records))
    return _block(b"././@PaxHeader", PAX, (0, 0, 0, len(content), 0), b"") + content + bytes(-len(content) % BLOCK)


def _records(records: Mapping[str, bytes]) -> Iterator[bytes]:
    if not all(_is_utf8(records.get(key, b"")) for key in ("path", "linkpath", "GNU.sparse.name")):
        yield b"21 hdrcharset=BINARY\n"
    for key, value in records.items():
        name = key.encode("utf-8", "surrogateescape")
        length = bare = len(name) + len(value) + 3
        while length != bare + len(str(length)):  # the length counts itself
            length = bare + len(str(length))
        yield b"%d %b=%b\n" % (length, name, value)


def _is_utf8(value: bytes) -> bool:
    try:
        return value.decode() is not None
    except UnicodeDecodeError:
        return False


TIME_FOLLOWS = _extension({"mtime": b"1000000000.000000000"})[:BLOCK]  # the block that announces a time, and nothing else
