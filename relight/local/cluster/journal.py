"""What makes objects outlive the cluster, however it ends: a snapshot, and after it every change, a line a change.

A change is in the kernel's hands before the request that made it is answered, so a killed cluster loses no answered write.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from relight.local.cluster.store import Event, Store

LARGEST = 64 * 2**20  # bytes of changes, before they become a snapshot
log = logging.getLogger(__name__)


class Journal:
    def __init__(self, store: Store, directory: Path) -> None:
        self.store, self.snapshot, self.changes = store, directory / "objects.json", directory / "changes.jsonl"
        self.file, self.size = -1, 0

    def open(self) -> None:
        """Takes over what is kept, and from now on keeps every change. The resource versions go on from there."""
        if self.snapshot.exists():
            saved = msgspec.json.decode(self.snapshot.read_bytes())
            for key, rows in saved["objects"].items():
                for obj in rows:
                    self.store.place(key, obj)
            self.store.version = saved["version"]
        for row in self._read():
            if row["version"] > self.store.version:
                self.store.place(row["key"], row["object"], gone=row["type"] == "DELETED")
                self.store.version = row["version"]
        self.settle()
        self.store.listeners.append(self._write)

    def close(self) -> None:
        self.store.listeners.remove(self._write)
        self.settle()
        os.close(self.file)

    def settle(self) -> None:
        """Makes a snapshot of all objects, and begins the changes anew. Killed between the two, it knows what it has."""
        rows = {key: list(bucket.values()) for key, bucket in self.store.buckets.items() if bucket}
        part = self.snapshot.with_suffix(".part")
        part.write_bytes(msgspec.json.encode({"version": self.store.version, "objects": rows}))
        part.replace(self.snapshot)
        if self.file >= 0:
            os.close(self.file)
        self.file, self.size = os.open(self.changes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 0

    def _read(self) -> Iterator[dict[str, Any]]:
        for line in self.changes.read_bytes().splitlines() if self.changes.exists() else ():
            try:
                yield msgspec.json.decode(line)
            except msgspec.DecodeError:
                return  # the last one, cut off: its request was never answered

    def _write(self, event: Event) -> None:
        row = {"version": event.version, "type": event.type, "key": event.key, "object": event.object}
        try:
            self.size += os.write(self.file, msgspec.json.encode(row) + b"\n")
            if self.size > LARGEST:
                self.settle()
        except OSError as error:
            log.error("a change of %s is not kept: %s", event.key, error)
