"""``index.jsonl``, the last member of a state archive: one line a path, so that restored files can be checked later."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from relight.backup.faults import fault
from relight.backup.tarball import Kind
from relight.errors import ArchiveMalformed

NAME = "index.jsonl"
MAX_LINE = 64 * 2**10


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """``bytes`` and ``sha256`` are of a file's whole content, holes included; ``target`` is a symbolic link's.

    ``offset`` is where the member begins in the raw archive, so that one file can be restored alone. ``mode`` is octal text.
    """

    path: str
    type: str
    bytes: int = 0
    mode: str = ""
    mtime: str = ""
    sha256: str = ""
    target: str = ""
    offset: int = -1


TOLD = tuple(name for name in IndexEntry.__dataclass_fields__ if name != "offset")


def line(entry: IndexEntry, offset: int) -> bytes:
    """The entry, whose member begins at ``offset``, as JSON in ASCII: a name that is not UTF-8 as escaped surrogates."""
    told = {key: value for key in TOLD if (value := getattr(entry, key)) != ""}
    return json.dumps(told | {"offset": offset}).encode() + b"\n"


def time_of(nanoseconds: int) -> str:
    """RFC 3339 with nanoseconds."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{_second(seconds)}.{rest:09}Z"


@lru_cache(1000)  # the files of a volume share their seconds
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def read(lines: Iterable[bytes], where: str) -> Iterator[IndexEntry]:
    """The index's entries. Raises ArchiveMalformed, naming the line."""
    for number, line in enumerate(lines, 1):
        try:
            yield _entry(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise fault(ArchiveMalformed, where, f"line {number} is no entry of an index", NAME) from None


def _entry(raw: dict[str, object]) -> IndexEntry:
    known = {key: value for key, value in raw.items() if key in IndexEntry.__dataclass_fields__}
    entry = IndexEntry(**known)  # type: ignore[arg-type]
    if not isinstance(entry.path, str) or entry.type not in {Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK}:
        raise ValueError(entry.path)
    if entry.type == Kind.FILE and not re.fullmatch(r"[0-9a-f]{64}", entry.sha256):
        raise ValueError(entry.path)
    return entry


def read_index(target: Path) -> Iterator[IndexEntry]:
    """The index that ``restore_volumes`` left in ``target``; nothing where the archive had none."""
    path = target / NAME
    if path.is_file():
        with path.open("rb") as lines:
            yield from read(iter(lambda: lines.readline(MAX_LINE), b""), str(path))


def digests(target: Path) -> dict[str, str]:
    """Each file's path below ``target`` and its sha256, for the ``files`` validator. Empty where there is no index."""
    return {entry.path: entry.sha256 for entry in read_index(target) if entry.type == Kind.FILE}
