"""Most members are small plain files in plain form. This reads those at a glance, and only those; ``tarball`` all others.

It accepts nothing that ``tarball`` would refuse or read otherwise, at a twentieth of its cost. What most files of a volume
have in common (owner and mode, a checksum, the announcement of a time) is read once and remembered.
"""

import re
from functools import lru_cache
from zlib import adler32

from relight.backup.tarball import BLOCK, MAX_TIME
from relight.backup.tarhead import TIME_FOLLOWS

# name, mode with uid and gid, size, mtime, checksum, type
HEADER = rb"(.{100})(.{24})([0-7]{11})\0([0-7]{11})\0([0-7]{6})\0 (.)"
# The records of an extension header that tells a time and nothing else, their padding, and the header behind it.
TIMED = re.compile(rb"(?s)(?:30 mtime=([0-9]{10})\.([0-9]{9})\n.{482})?" + HEADER)
TIME_BYTES = 30
OWNER = re.compile(rb"([0-7]{7})\0([0-7]{7})\0([0-7]{7})\0")
LATEST = MAX_TIME * 10**9
NO_DEVICE = {bytes(16), b"0000000\0" * 2}  # its numbers, as a file that is no device has them: anything else may be refused

Plain = tuple[str, int, int, int, int, int, int]  # name, mode, uid, gid, mtime in ns, size, where its content begins


def plain_file(raw: bytes, at: int) -> Plain | None:
    """The plain file whose headers begin at ``at`` and whose content is all there; None for anything else."""
    timed = raw[at + 156 : at + 157] == b"x"
    if timed and not raw.startswith(TIME_FOLLOWS, at) and not _announces_time(raw[at : at + BLOCK]):
        return None
    found = TIMED.match(raw, at + BLOCK * timed)
    if not found:
        return None
    seconds, rest, name, owner, octal_size, second, checksum, flag = found.groups()
    if (seconds is None) is timed:
        return None
    start = at + BLOCK * (3 if timed else 1)
    block, numbers, size = raw[start - BLOCK : start], _numbers(owner), int(octal_size, 8)
    if flag != b"0" or not numbers or start + size > len(raw) or not _sound(block, checksum):
        return None
    mtime = int(seconds + rest) if timed else int(second, 8) * 10**9
    name = name.partition(b"\0")[0]
    if block[345]:
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    if name[-1:] in (b"", b"/") or mtime > LATEST:
        return None
    return name.decode(), *numbers, mtime, size, start


@lru_cache(64)
def _announces_time(block: bytes) -> bool:
    """Whether this extension header is in plain form, and followed by as many bytes as a time takes."""
    header = TIMED.fullmatch(block, 0, 157)
    plain = header and header[8] == b"x" and _numbers(header[4]) and _sound(block, header[7])
    return bool(header and plain and int(header[5], 8) == TIME_BYTES)


@lru_cache(1024)
def _numbers(owner: bytes) -> tuple[int, int, int] | None:
    """Mode, uid and gid, where they are in plain form."""
    found = OWNER.fullmatch(owner)
    return (int(found[1], 8) & 0o7777, int(found[2], 8), int(found[3], 8)) if found else None


def _sound(block: bytes, checksum: bytes) -> bool:
    """Whether the header's checksum is right, and it is in ASCII and of no device."""
    plain = len(block) == BLOCK and block.isascii() and block[329:345] in NO_DEVICE
    return plain and adler32(block) & 0xFFFF == _sum(checksum)


@lru_cache(4096)
def _sum(checksum: bytes) -> int:
    """What the lower half of Adler-32 is for a header with this checksum: its sum of bytes and 1, modulo 65,521, made in C.

    The checksum itself is that sum, with its own field taken as spaces. The sum of a header in ASCII stays below 65,521.
    """
    return int(checksum, 8) + sum(checksum) - 7 * 32 + 1
