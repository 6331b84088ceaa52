"""What a stub of S3 holds: objects, open uploads, and who asked for what."""

import base64
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


def checksum(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@dataclass
class Stored:
    data: bytes
    checksum: str
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass
class Upload:
    key: str
    headers: dict[str, str]
    parts: dict[int, Stored] = field(default_factory=dict)


@dataclass
class Bucket:
    """``objects`` by ``/bucket/key``. ``asked``: (method, what, number or 0) of each write. ``fault`` may answer in S3's
    place: an error's code, ``"cut"`` (the connection breaks before anything is done) or ``"lost"`` (after it is done)."""

    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    fault: Callable[[str, str, int], str] = lambda *_: ""
    pace: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def parts_sent(self) -> int:
        return sum(what == "part" for _, what, _ in self.asked)
