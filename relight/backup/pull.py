"""Exact reads over chunks of any size."""

from collections.abc import Iterator

from relight.backup.faults import fault
from relight.errors import ArchiveTruncated


class Pull:
    """Reads a stream that arrives in chunks, the first of which may be there already and is read from ``at``.

    Reading past its end raises ArchiveTruncated.

    ``taken`` counts bytes; ``broken`` tells that the stream itself failed, and nothing more can be read.
    """

    def __init__(self, chunks: Iterator[bytes], where: str, first: bytes = b"", at: int = 0) -> None:
        self._chunks, self._where = chunks, where
        self._chunk, self._at = first, at
        self.taken = 0
        self.broken = False

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, or what is left, without taking them."""
        while len(self._chunk) - self._at < size and (more := self._more()) is not None:
            self._chunk, self._at = self._chunk[self._at :] + more, 0
        return self._chunk[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        data = self.peek(size)
        if len(data) < size:
            raise self._cut_off()
        self._at += size
        self.taken += size
        return data

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next ``size`` bytes as they arrived, uncopied; a piece is valid until the next one is asked for."""
        while size:
            while self._at == len(self._chunk):
                if (more := self._more()) is None:
                    raise self._cut_off()
                self._chunk, self._at = more, 0
            piece = memoryview(self._chunk)[self._at : self._at + size]
            self._at += len(piece)
            self.taken += len(piece)
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        for _ in self.pieces(size):
            pass

    def _more(self) -> bytes | None:
        try:
            return next(self._chunks, None)
        except BaseException:
            self.broken = True
            raise

    def _cut_off(self) -> Exception:
        self.broken = True
        return fault(
            ArchiveTruncated, self._where, f"ends too early, after {self.taken + len(self._chunk) - self._at} bytes"
        )
