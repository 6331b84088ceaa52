"""Maps of sparse files in tar: which parts of a file the archive holds. The rest are holes."""

from collections.abc import Callable

from relight.backup.faults import fault
from relight.backup.pull import Pull
from relight.errors import ArchiveMalformed

Segments = tuple[tuple[int, int], ...]  # (offset in the file, length), in bytes
BLOCK = 512
ZEROS = bytes(2**20)
MAX_SEGMENTS = 2**20
MAX_DIGITS = 18
IN_HEADER, IN_EXTENSION = 4, 21  # how many segments an old GNU block has room for


def pax_map(source: Pull, stored: int, where: str) -> Segments:
    """The map of pax form 1.0: decimal numbers by line at the start of the content, padded to a block."""
    numbers: list[int] = []
    rest, wanted = b"", 1
    while len(numbers) < wanted:
        stored -= BLOCK
        if stored < 0:
            raise fault(ArchiveMalformed, where, "has a sparse file whose map does not end")
        *lines, rest = (rest + source.take(BLOCK)).split(b"\n")
        for line in lines:
            numbers.append(_decimal(line, where))
            wanted = 1 + 2 * _sane(numbers[0], where)
            if len(numbers) == wanted:
                break
        if len(numbers) < wanted and len(rest) > MAX_DIGITS:
            raise fault(ArchiveMalformed, where, "has a sparse file whose map is not made of numbers")
    return tuple(zip(numbers[1::2], numbers[2::2], strict=True))


def old_map(header: bytes, source: Pull, where: str) -> tuple[int, Segments]:
    """The file's length and the map of the old GNU form: in the header, and in blocks that follow it."""
    segments = _entries(header, 386, IN_HEADER)
    more = header[482]
    while more:
        block = source.take(BLOCK)
        segments += _entries(block, 0, IN_EXTENSION)
        _sane(len(segments), where)
        more = block[504]
    return _old_number(header[483:495]), tuple(segments)


def checked(segments: Segments, size: int, stored: int, where: str) -> Segments:
    """The map, when it is in order, within the file, and accounts for all content. Raises ArchiveMalformed."""
    end = 0
    for start, length in segments:
        if start < end or length < 0 or start + length > size:
            raise fault(ArchiveMalformed, where, "has a sparse file whose map overlaps or leaves the file")
        end = start + length
    if sum(length for _, length in segments) != stored:
        raise fault(ArchiveMalformed, where, "has a sparse file whose map does not account for its content")
    return segments


def split(segments: Segments, length: int) -> tuple[Segments, Segments]:
    """The segments of the first ``length`` bytes of content, and those of the rest."""
    before: list[tuple[int, int]] = []
    for number, (start, size) in enumerate(segments):
        if size > length:
            here = [(start, length)] if length else []
            return (*before, *here), ((start + length, size - length), *segments[number + 1 :])
        before.append((start, size))
        length -= size
    return segments, ()


def write_map(segments: Segments) -> bytes:
    """The map in pax form 1.0."""
    numbers = [len(segments), *(number for segment in segments for number in segment)]
    text = "".join(f"{number}\n" for number in numbers).encode()
    return text + bytes(-len(text) % BLOCK)


def hash_hole(update: Callable[[bytes], object], length: int) -> None:
    """Feeds a digest the zeros that a hole reads as."""
    while length > 0:
        update(ZEROS[:length])
        length -= len(ZEROS)


def _sane(count: int, where: str) -> int:
    if count > MAX_SEGMENTS:
        raise fault(ArchiveMalformed, where, f"has a sparse file in {count} parts, more than {MAX_SEGMENTS}")
    return count


def _decimal(line: bytes, where: str) -> int:
    if not line.isdigit() or len(line) > MAX_DIGITS:
        raise fault(ArchiveMalformed, where, "has a sparse file whose map is not made of numbers")
    return int(line)


def _entries(block: bytes, at: int, room: int) -> list[tuple[int, int]]:
    places = range(at, at + 24 * room, 24)
    fields = [(block[place : place + 12], block[place + 12 : place + 24]) for place in places if block[place]]
    return [(_old_number(start), _old_number(length)) for start, length in fields]


def _old_number(field: bytes) -> int:
    """A number in octal text or, beyond 8 GiB, in base 256; -1 (which no map survives) for anything else."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    text = field.strip(b"\0 ")
    return int(text, 8) if text.isdigit() and not set(text) - set(b"01234567") else -1
