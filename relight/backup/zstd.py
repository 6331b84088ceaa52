"""zstd streams from strangers: exact about where a stream ends, and never more than a few MB at a time in memory."""

from collections.abc import Callable, Iterator

import zstandard

from relight.backup.faults import fault
from relight.backup.pull import Pull
from relight.errors import ArchiveMalformed, ArchiveTooLarge, ArchiveTrailingGarbage, ArchiveTruncated

Buffer = bytes | bytearray | memoryview

MAGIC = zstandard.FRAME_HEADER
SKIPPABLE = range(0x184D2A50, 0x184D2A60)
MAX_WINDOW = 128 * 2**20  # what `zstd -d` takes without --long
MAX_HEADER = 18
BLOCK = 128 * 2**10  # the most that one block gives, whatever it says
BATCH = 32  # blocks decompressed in one go: 4 MiB at most
RLE = 1


def decompress_frame(data: Buffer, raw_length: int, where: str) -> bytes:
    """One whole frame of a known raw length.

    Raises ArchiveMalformed, ArchiveTruncated, ArchiveTrailingGarbage, ArchiveTooLarge.
    """
    _checked_header(data, where)
    told = zstandard.frame_content_size(data)
    if told not in (-1, raw_length):  # the library allocates what the frame's header tells, so it is compared first
        kind = ArchiveTooLarge if told > raw_length else ArchiveMalformed
        raise fault(kind, where, f"a frame tells {told} raw bytes, the table of frames {raw_length}")
    raw = b"".join(stream(iter([bytes(data)]), where, limit=raw_length)) if told == -1 else _whole(data, raw_length, where)
    if len(raw) != raw_length:
        raise fault(ArchiveMalformed, where, f"a frame holds {len(raw)} raw bytes, the table of frames tells {raw_length}")
    return raw


def _whole(data: Buffer, raw_length: int, where: str) -> bytes:
    try:
        engine = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        return engine.decompress(data, max_output_size=raw_length, allow_extra_data=False)
    except zstandard.ZstdError:
        # The slow way says which fault it is.
        return b"".join(stream(iter([bytes(data)]), where, limit=raw_length))


def stream(chunks: Iterator[bytes], where: str, limit: int | None = None) -> Iterator[bytes]:
    """The raw bytes of concatenated frames, in pieces of at most 4 MiB.

    zstd's own stream decoders end quietly when the input does, and give all that a few bytes expand to at once. So this
    walks the blocks itself: each says how long it is, and gives 128 KiB at most.
    Raises the same errors as ``decompress_frame``; ArchiveTooLarge beyond ``limit`` raw bytes.
    """
    given, source = 0, Pull(chunks, where)
    while magic := source.peek(4):
        if int.from_bytes(magic, "little") in SKIPPABLE and len(magic) == 4:
            source.skip(int.from_bytes(source.take(8)[4:], "little"))
            continue
        if magic != MAGIC:
            kind = (
                ArchiveTruncated if MAGIC.startswith(magic) else ArchiveTrailingGarbage if source.taken else ArchiveMalformed
            )
            raise fault(kind, where, f"byte {source.taken} begins no zstd frame")
        for piece in _frame(source, where):
            given += len(piece)
            if limit is not None and given > limit:
                raise fault(ArchiveTooLarge, where, f"expands to more than {limit} bytes")
            yield piece


def _checked_header(start: Buffer, where: str) -> zstandard.FrameParameters:
    try:
        header = zstandard.get_frame_parameters(start)
    except zstandard.ZstdError as error:
        kind = ArchiveTruncated if len(start) < MAX_HEADER else ArchiveMalformed
        raise fault(kind, where, f"has a zstd frame without a sound header ({error})") from None
    if header.dict_id or header.window_size > MAX_WINDOW:
        raise fault(ArchiveMalformed, where, "needs a zstd dictionary or a window above 128 MiB")
    return header


def _frame(source: Pull, where: str) -> Iterator[bytes]:
    start = source.peek(MAX_HEADER)
    header = _checked_header(start, where)
    engine = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
    decompress = _named(engine.decompress, where)
    yield decompress(source.take(zstandard.frame_header_size(start)))
    last = False
    while not last:
        batch = bytearray()
        for _ in range(BATCH):
            head = source.take(3)
            fields = int.from_bytes(head, "little")
            last, kind, size = bool(fields & 1), fields >> 1 & 3, fields >> 3
            batch += head + source.take(1 if kind == RLE else _sane(size, where))
            if last:
                break
        yield decompress(bytes(batch) + (source.take(4) if last and header.has_checksum else b""))


def _sane(size: int, where: str) -> int:
    if size > BLOCK:
        raise fault(ArchiveMalformed, where, f"has a zstd block of {size} bytes")
    return size


def _named(decompress: Callable[[bytes], bytes], where: str) -> Callable[[bytes], bytes]:
    def named(data: bytes) -> bytes:
        try:
            return decompress(data)
        except zstandard.ZstdError as error:
            raise fault(ArchiveMalformed, where, f"does not decompress ({error})") from None

    return named
