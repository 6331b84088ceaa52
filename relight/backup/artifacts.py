"""The objects of a backup beside its metadata: each of the size and the digest that the metadata says."""

from collections.abc import Generator
from hashlib import sha256

from relight.adapters.s3 import S3, ObjectInfo, join
from relight.backup.faults import fault
from relight.backup.metadata import BackupUri, Metadata, ObjectDigest
from relight.backup.parallel import ordered
from relight.errors import ArchiveTooLarge, ArtifactMissing, BackupError, DigestMismatch, ObjectNotFound, SizeMismatch

RANGE = 4 * 2**20
THREADS = 12

Bytes = Generator[bytes, None, None]


class Artifacts:
    """A small artifact that was read and proven is kept: whoever wants it next uses the very bytes that were proven."""

    def __init__(self, store: S3, place: BackupUri, parsed: Metadata) -> None:
        self._store, self.place, self.metadata = store, place, parsed
        self._kept: dict[str, bytes] = {}

    @property
    def uri(self) -> str:
        return self.place.uri

    def where(self, name: str) -> str:
        return join(self.place.uri, name)

    def read(self, name: str, most: int) -> bytes:
        """An artifact whole, proven, of ``most`` bytes at most."""
        if name in self._kept:
            return self._kept[name]
        size = self._expected(name).bytes
        if size > most:
            raise fault(ArchiveTooLarge, self.where(name), f"is {size} bytes, more than {most}")
        data = self._small(name) if size <= RANGE else self._whole(self.found(name))
        self.prove(name, sha256(data).hexdigest())
        if size <= RANGE:
            self._kept[name] = data
        return data

    def look(self, name: str, most: int | None) -> None:
        """Raises what ``found`` does. With ``most``, what is small is read at once, since it will be: then as ``read``."""
        if most is not None and self._expected(name).bytes <= RANGE:
            self.read(name, most)
        else:
            self.found(name)

    def _small(self, name: str) -> bytes:
        try:
            size, data = self._store.get_up_to(self.where(name), RANGE)
        except ObjectNotFound:
            raise self._missing(name) from None
        self._check_size(name, size)
        return data

    def _whole(self, found: ObjectInfo) -> bytes:
        return self._store.get_range(found.uri, 0, found.size, found.etag)

    def prove(self, name: str, digest: str) -> None:
        if digest != self.metadata.artifacts[name].sha256:
            expected = self.metadata.artifacts[name].sha256
            raise fault(DigestMismatch, self.where(name), f"its sha256 is {digest}, the metadata says {expected}")

    def stored(self, name: str) -> Bytes:
        """An artifact's stored bytes in order, fetched ahead; its digest is proven when the end is reached."""
        found = self.found(name)
        digest = sha256()
        for data in ordered(lambda start: self._range(found, start), range(0, found.size, RANGE), THREADS):
            digest.update(data)
            yield data
        self.prove(name, digest.hexdigest())

    def found(self, name: str) -> ObjectInfo:
        """The artifact's object, of the size the metadata says. Raises ArtifactMissing, SizeMismatch."""
        self._expected(name)
        found = self._store.head(self.where(name))
        if found is None:
            raise self._missing(name)
        self._check_size(name, found.size)
        return found

    def _expected(self, name: str) -> ObjectDigest:
        if name not in self.metadata.artifacts:
            why = "the metadata names no such artifact, so nothing can prove its bytes"
            raise fault(ArtifactMissing, self.where(name), why)
        return self.metadata.artifacts[name]

    def _missing(self, name: str) -> BackupError:
        return fault(ArtifactMissing, self.where(name), "the metadata names it, and it is not there")

    def _check_size(self, name: str, size: int) -> None:
        if size != (said := self.metadata.artifacts[name].bytes):
            raise fault(SizeMismatch, self.where(name), f"it has {size} bytes, the metadata says {said}")

    def _range(self, found: ObjectInfo, start: int) -> bytes:
        return self._store.get_range(found.uri, start, min(RANGE, found.size - start), found.etag)
