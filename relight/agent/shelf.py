"""Volumes that were unpacked and proven and are not in use yet: an agent that was killed and starts again takes them up."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from relight.agent.files import write_atomically
from relight.backup.unpack import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """``tree``: a directory of the staging. ``bytes`` and ``files`` as counted when it was proven."""

    tree: Path
    bytes: int
    files: int


class Shelf:
    """Below ``staging``: a record for each tree that is whole, written after it and removed before anything of it moves."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging

    def clear(self) -> None:
        """Leaves what is proven; what an agent was still unpacking when it was killed goes."""
        records = list(self._staging.glob("*.json"))
        kept = {*records, *(found.tree for record in records if (found := self._read(record)))}
        for path in set(self._staging.glob("*")) - kept:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()

    def find(self, metadata_sha256: str, limits: Limits) -> Unpacked | None:
        return self._read(self._record(metadata_sha256, limits))

    def keep(self, metadata_sha256: str, limits: Limits, found: Unpacked) -> None:
        row = {"tree": found.tree.name, "bytes": found.bytes, "files": found.files}
        write_atomically(self._record(metadata_sha256, limits), msgspec.json.encode(row))

    def forget(self, tree: Path) -> None:
        """From now on nobody takes the tree up: it is being moved, or removed."""
        for record in self._staging.glob("*.json"):
            if (found := self._read(record)) is None or found.tree == tree:
                record.unlink(missing_ok=True)

    def _record(self, metadata_sha256: str, limits: Limits) -> Path:
        return self._staging / f"{metadata_sha256}-{limits.bytes}-{limits.files}.json"

    def _read(self, record: Path) -> Unpacked | None:
        try:
            row = msgspec.json.decode(record.read_bytes())
        except FileNotFoundError:
            return None
        tree = self._staging / row["tree"]
        return Unpacked(tree=tree, bytes=row["bytes"], files=row["files"]) if tree.is_dir() else None
