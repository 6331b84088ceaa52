"""Sealing a backup for its recipients: AES-256-GCM, frame by frame, under one data key that each recipient can open.

What a frame is sealed with binds it to its backup, artifact, place and whether it is the last: frames cannot be swapped
between places, artifacts or backups, nor dropped at the end. docs/contract.md has the format.
"""

import hmac
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from relight.backup.faults import fault
from relight.backup.pull import Pull
from relight.errors import BackupError, SealBroken
from relight.model import canonical
from relight.records import replace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from relight.backup.metadata import Metadata

FORMAT = "relight-seal-1"
MAGIC = b"RLS1"
HEAD = struct.Struct("<4sI")  # the magic, and the bytes that follow
TAG = 16
MOST = 128 * 2**20  # of one sealed frame, before anything is allocated for it
PROOF = "proof"

T = TypeVar("T")


def derived(key: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF-SHA256), so that no two of them share a key."""
    from cryptography.hazmat.primitives.hashes import SHA256  # only where a backup is sealed
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, None, f"{FORMAT} {purpose}".encode()).derive(key)


@dataclass(frozen=True, slots=True)
class Seal:
    """The data key of one backup. ``opened_by``: the recipient that gave it, empty to its writer."""

    key: bytes = field(repr=False)
    backup_id: str
    opened_by: str = ""

    def box(self, artifact: str, where: str) -> "Box":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return Box(AESGCM(derived(self.key, f"artifact {artifact}")), f"{FORMAT}\0{self.backup_id}\0{artifact}", where)

    def proof(self, metadata: "Metadata") -> str:
        """What only a holder of the data key can say of the metadata, digests and recipients included."""
        told: Mapping[str, Any] = {key: value for key, value in (metadata.encryption or {}).items() if key != PROOF}
        document = canonical(msgspec.to_builtins(replace(metadata, encryption=told)))
        return hmac.new(derived(self.key, "metadata"), document, "sha256").hexdigest()

    def check(self, metadata: "Metadata", where: str) -> None:
        """Raises SealBroken where the metadata is not what was sealed."""
        if not hmac.compare_digest(self.proof(metadata), str((metadata.encryption or {}).get(PROOF))):
            raise fault(SealBroken, where, "is not the metadata that was sealed with this key")


@dataclass(frozen=True, slots=True)
class Box:
    """One artifact's frames, sealed and opened. Thread-safe; a number is sealed once only."""

    cipher: "AESGCM" = field(repr=False)
    label: str
    where: str

    def close(self, number: int, last: bool, data: bytes) -> bytes:
        sealed = self.cipher.encrypt(*self._bound(number, last, data))
        return HEAD.pack(MAGIC, len(sealed)) + sealed

    def open(self, number: int, last: bool, stored: bytes | bytearray | memoryview) -> bytes:
        """A whole stored frame's content. Raises SealBroken."""
        from cryptography.exceptions import InvalidTag

        magic, length = HEAD.unpack(stored[: HEAD.size]) if len(stored) >= HEAD.size else (b"", 0)
        if magic != MAGIC or length != len(stored) - HEAD.size:
            raise self._broken(number)
        try:
            return self.cipher.decrypt(*self._bound(number, last, memoryview(stored)[HEAD.size :]))
        except InvalidTag:
            raise self._broken(number) from None

    def opened(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The content of an artifact that comes in chunks of any size. Raises SealBroken, ArchiveTruncated."""
        source, number = Pull(chunks, self.where), 0
        while True:
            head = source.take(HEAD.size)
            magic, length = HEAD.unpack(head)
            if magic != MAGIC or not TAG <= length <= MOST:
                raise self._broken(number)
            stored = head + source.take(length)
            last = not source.peek(1)
            yield self.open(number, last, stored)
            if last:
                return
            number += 1

    def _bound(self, number: int, last: bool, data: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bytes]:
        return number.to_bytes(12, "big"), data, f"{self.label}\0{number}\0{'last' if last else 'more'}".encode()

    def _broken(self, number: int) -> BackupError:
        return fault(SealBroken, self.where, f"frame {number} is not what was sealed there with this backup's key")


def marked(items: Iterable[T]) -> Iterator[tuple[int, bool, T]]:
    """Each item with its number and whether it is the last."""
    number, waiting = 0, list[T]()
    for item in items:
        if waiting:
            yield number, False, waiting.pop()
            number += 1
        waiting.append(item)
    if waiting:
        yield number, True, waiting.pop()
