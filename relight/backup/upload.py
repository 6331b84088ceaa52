"""Sending a backup's objects: each is created once, never replaced; what an earlier attempt left is not sent again."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain

from relight.adapters.parts import OpenUpload, Part, Uploads
from relight.adapters.s3 import PLAIN, S3, Keeping, checksum_of
from relight.backup.faults import fault
from relight.backup.parallel import ordered
from relight.errors import BackupExists, Conflict, ObjectNotFound, RelightError

PART = 16 * 2**20  # S3 takes 10,000 parts: up to 156 GiB an object
PARTS_IN_FLIGHT = 4

Numbered = tuple[int, bytes]


@dataclass(slots=True)
class Tally:
    """What is in S3 so far: the bytes of each part, ``sent`` by this attempt or ``kept`` from an earlier one."""

    sent: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    @property
    def parts(self) -> int:
        return len(self.sent) + len(self.kept)

    @property
    def bytes(self) -> int:
        return sum(self.sent) + sum(self.kept)


class Sender:
    """One attempt at writing one backup. ``resume``: take up what an earlier attempt under the same URI left.

    ``tally`` tells, also after a failure, what is there. What breaks off stays open in S3, to be taken up.
    """

    def __init__(self, store: S3, keeping: Keeping = PLAIN, resume: bool = False) -> None:
        self.store, self.keeping, self.resume = store, keeping, resume
        self.tally = Tally()
        self._uploads = Uploads(store)

    def send(self, uri: str, chunks: Iterable[bytes]) -> None:
        """Creates the object, of unknown length, in bounded memory. The same object being there already counts.

        Raises BackupExists where another one is there, and what S3 and ``chunks`` raise.
        """
        parts = _parts(chunks)
        first = next(parts, b"")
        try:
            if len(first) < PART:
                self._whole(uri, first)
            else:
                self._in_parts(uri, chain([first], parts))
        except Conflict:
            if self.store.head(uri) is None:
                raise
            raise fault(BackupExists, uri, "is there with another state, of another writer or attempt") from None
        if self.resume:
            self._keep_as_asked(uri)

    def finish(self, uri: str) -> None:
        """Gives up what other attempts at the backup ``uri``, which is committed now, left open."""
        if self.resume:
            with suppress(RelightError):  # the backup is whole; the bucket's lifecycle rule sweeps, too
                for upload in self._uploads.below(f"{uri}/"):
                    self._uploads.abort(upload)

    def _whole(self, uri: str, data: bytes) -> None:
        made = Part(number=1, size=len(data), etag="", checksum=checksum_of(data))
        if self.resume and self._is_there(uri, made.size, made.checksum):
            self.tally.kept.append(made.size)
            return
        try:
            self.store.put(uri, data, if_absent=True, keeping=self.keeping)
        except Conflict:
            if not self._is_there(uri, made.size, made.checksum):  # ours, where the answer to the first try was lost
                raise
        self.tally.sent.append(made.size)

    def _in_parts(self, uri: str, parts: Iterator[bytes]) -> None:
        whole = self.resume and self.store.head(uri) is not None  # it ended between this object and the commit
        upload = None if whole else self._left_open(uri) or self._uploads.begin(uri, self.keeping)
        there = self._uploads.parts(upload) if upload and self.resume else {}

        def place(numbered: Numbered) -> Part:
            return self._place(upload, there, *numbered)

        with closing(ordered(place, enumerate(parts, 1), PARTS_IN_FLIGHT)) as placed:
            done = list(placed)
        self._complete(uri, upload, done)

    def _left_open(self, uri: str) -> OpenUpload | None:
        """The newest upload of exactly this object that an earlier attempt left."""
        found = [one for one in self._uploads.below(uri) if one.uri == uri] if self.resume else []
        return max(found, key=lambda one: (one.begun is not None, one.begun), default=None)

    def _place(self, upload: OpenUpload | None, there: dict[int, Part], number: int, data: bytes) -> Part:
        checksum = checksum_of(data)
        found = there.get(number)
        if upload is None:
            found = Part(number=number, size=len(data), etag="", checksum=checksum)
        if found and (found.size, found.checksum) == (len(data), checksum):
            self.tally.kept.append(found.size)
            return found
        assert upload is not None
        try:
            sent = self._uploads.send(upload, number, data, checksum)
        except ObjectNotFound:
            raise Conflict(_GONE.format(uri=upload.uri)) from None
        self.tally.sent.append(sent.size)
        return sent

    def _complete(self, uri: str, upload: OpenUpload | None, done: list[Part]) -> None:
        if upload:
            try:
                self._uploads.complete(upload, done)
                return
            except (Conflict, ObjectNotFound):  # also where the answer to the first try was lost
                if self.store.head(uri):
                    self._uploads.abort(upload)
        if not self._is_there(uri, sum(one.size for one in done), _together(done)):
            raise Conflict(_GONE.format(uri=uri))

    def _is_there(self, uri: str, size: int, checksum: str) -> bool:
        found = self.store.head(uri, checksum=True)
        return found is not None and (found.size, found.checksum) == (size, checksum)

    def _keep_as_asked(self, uri: str) -> None:
        """Key and lock are given when an upload begins: an earlier attempt may have been told others."""
        found = self.store.head(uri)
        if found and self.keeping.kms_key not in ("", found.kms_key):
            raise fault(BackupExists, uri, f"was begun under another key than kms_key, {found.kms_key or 'none of KMS'}")
        if found and self.keeping.until and (found.locked_until is None or found.locked_until < self.keeping.until):
            self.store.lock(uri, self.keeping)


_GONE = (
    "{uri}: its unfinished upload is gone: another writer ended it, or the bucket's lifecycle rule did; "
    "see what is there with `relight backups`, and take a new backup with `relight backup`"
)


def _together(parts: list[Part]) -> str:
    """The checksum that S3 gives the object that it makes of the parts."""
    return b64encode(sha256(b"".join(b64decode(one.checksum) for one in parts)).digest()).decode()


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of PART bytes, the last one shorter."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PART:
            rest = waiting[PART:]
            del waiting[PART:]
            yield bytes(waiting)
            waiting = rest
    if waiting:
        yield bytes(waiting)
