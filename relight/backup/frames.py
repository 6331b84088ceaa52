"""``state.frames.json``: where each independent zstd frame of the state archive lies, so that they are read in parallel."""

from dataclasses import dataclass

import msgspec

from relight.backup.faults import fault
from relight.backup.sparse import Segments
from relight.errors import ArchiveMalformed, ArchiveTooLarge, SizeMismatch

RAW = 8 * 2**20  # what a writer aims at
MAX_RAW = 64 * 2**20  # what a reader holds in memory for one frame
IN_MEMORY = 128 * 2**20  # stored and raw bytes of the frames that are under way at once
MAX_BYTES = 64 * 2**20  # of the side object itself: half a million frames


@dataclass(frozen=True, slots=True)
class Continued:
    """What a frame begins with, where it was cut inside a member: content of the member whose headers begin at ``member``
    in the raw archive, for these ``segments`` of its file."""

    member: int
    segments: Segments


@dataclass(frozen=True, slots=True)
class Frame:
    """``offset`` and ``length`` in the archive as stored, ``raw_length`` decompressed; the digest is of the stored bytes.

    ``continues``: None where the frame begins with a member's headers, or the writer does not say.
    """

    offset: int
    length: int
    raw_length: int
    sha256: str
    continues: Continued | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTable:
    """``index_offset``: where the header of ``index.jsonl`` begins in the raw archive; None where the writer is silent."""

    frames: tuple[Frame, ...]
    index_offset: int | None = None
    version: int = 1

    @property
    def raw_length(self) -> int:
        return sum(frame.raw_length for frame in self.frames)

    def at_once(self, most: int, decompressed: int | None = None) -> int:
        """How many frames to have under way, up to ``most``: as many as memory has room for, were all like the longest.

        ``decompressed``: how many of them are raw at the same time; None: all.
        """
        stored = max((frame.length for frame in self.frames), default=1)
        raw = max((frame.raw_length for frame in self.frames), default=1)
        each, kept = (stored + raw, 0) if decompressed is None else (stored, raw * decompressed)
        return max(min(2, most), min(most, (IN_MEMORY - kept) // max(each, 1)))

    def at(self, raw: int) -> tuple[int, int]:
        """The number of the frame that holds the byte at ``raw`` of the raw archive, and where that frame begins in it."""
        begins = 0
        for number, frame in enumerate(self.frames):
            if raw < begins + frame.raw_length:
                return number, begins
            begins += frame.raw_length
        return len(self.frames), begins

    def dump(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def parse(cls, data: bytes, where: str, archive_bytes: int) -> "FrameTable":
        """Raises ArchiveMalformed, SizeMismatch where the frames do not tile the archive, ArchiveTooLarge for a huge one."""
        try:
            table = msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, RecursionError) as error:
            raise fault(ArchiveMalformed, where, f"is not a table of frames ({error})") from None
        end = 0
        for number, frame in enumerate(table.frames):
            if frame.offset != end or frame.length <= 0 or frame.raw_length < 0:
                raise fault(ArchiveMalformed, where, f"frame {number} does not begin where the one before it ends")
            if frame.raw_length > MAX_RAW:
                raise fault(ArchiveTooLarge, where, f"frame {number} is {frame.raw_length} bytes raw, more than {MAX_RAW}")
            end += frame.length
        if end != archive_bytes:
            raise fault(SizeMismatch, where, f"its frames cover {end} bytes, the archive has {archive_bytes}")
        return table
