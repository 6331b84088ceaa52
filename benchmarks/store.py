"""A bucket as a folder, so that a benchmark measures our code and the disk, not a network."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from relight.adapters.s3 import PLAIN, S3, Keeping, ObjectInfo
from relight.backup.upload import Sender
from relight.errors import Conflict


class FolderStore(S3):
    """The same calls as S3, below ``root``; an object's etag is its size."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, uri: str) -> Path:
        return self.root / uri.removeprefix("s3://")

    def get(self, uri: str) -> bytes:
        return self.path(uri).read_bytes()

    def get_up_to(self, uri: str, most: int) -> tuple[int, bytes]:
        data = self.path(uri).read_bytes()
        return len(data), data if len(data) <= most else b""

    def get_range(self, uri: str, start: int, length: int, etag: str | None = None) -> bytes:
        with self.path(uri).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def read_into(self, uri: str, start: int, into: memoryview, etag: str | None = None) -> None:
        with self.path(uri).open("rb", buffering=0) as file:
            file.seek(start)
            file.readinto(into)

    def head(self, uri: str, checksum: bool = False) -> ObjectInfo | None:
        path = self.path(uri)
        if not path.is_file():
            return None
        stat = path.stat()
        return ObjectInfo(
            uri=uri, size=stat.st_size, etag=str(stat.st_size), modified=datetime.fromtimestamp(stat.st_mtime, UTC)
        )

    def put(
        self, uri: str, data: bytes, if_absent: bool = False, if_match: str | None = None, keeping: Keeping = PLAIN
    ) -> str:
        path = self.path(uri)
        if if_absent and path.exists():
            raise Conflict(f"{uri}: is there already")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return sha256(data).hexdigest()

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        paths = sorted(self.root.rglob("*"))
        uris = (f"s3://{path.relative_to(self.root)}" for path in paths if path.is_file())
        return (found for name in uris if name.startswith(uri) and (found := self.head(name)))


class FolderSender(Sender):
    """Writes into a FolderStore."""

    def __init__(self, store: FolderStore) -> None:
        self.folder, self.store, self.keeping, self.resume = store, store, PLAIN, False

    def send(self, uri: str, chunks: Iterable[bytes]) -> None:
        path = self.folder.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(chunks)
