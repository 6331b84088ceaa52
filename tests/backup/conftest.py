"""A bucket in memory, and a workshop that makes backups: sound ones, and ones that no writer of ours would make."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
import zstandard

from relight.adapters.s3 import S3
from relight.backup.frames import Frame, FrameTable
from relight.backup.metadata import Metadata, ObjectDigest, Volume
from relight.backup.reader import open_backup
from relight.backup.unpack import Limits
from relight.backup.writer import BackupSource, write_backup
from relight.errors import BackupError
from tests.support import memory_aws, own_clients

STORAGE = "s3://shop-backups/shop"
URI = f"{STORAGE}/backups/2026-11-23"
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop", "namespace": "shop"}, "data": {"on": "yes"}}


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3]:
    """S3 in memory; making it costs more than most tests."""
    with own_clients(), memory_aws():
        boto3.client("s3").create_bucket(Bucket="shop-backups")
        yield S3()


@pytest.fixture
def store(bucket: S3) -> Iterator[S3]:
    """An empty bucket, shop-backups."""
    yield S3()
    for found in bucket.list("s3://shop-backups"):
        bucket.delete(found.uri)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    root = tmp_path / "volume"
    root.mkdir()
    (root / "orders.db").write_bytes(b"SQLite format 3\0" + bytes(5000))
    (root / "inbox").mkdir()
    for number in range(20):
        (root / "inbox" / f"{number}.json").write_text(f'{{"order": {number}}}')
    return root


def source(volumes: dict[tuple[str, str], Path], **changes: Any) -> BackupSource:
    given = BackupSource(
        backup_id="2026-11-23",
        app="shop",
        namespace="shop",
        created_at="2026-11-23T03:00:00Z",
        manifests=[CONFIG],
        volumes=volumes,
        source={"cluster": "primary", "kubernetes_version": "v1.33.1"},
        images=[{"workload": "CronJob/nightly", "container": "main", "ref": "shop@sha256:" + 64 * "a"}],
    )
    return replace(given, **changes)


@pytest.fixture
def sound(store: S3, volume: Path) -> Metadata:
    """A sound backup at URI."""
    return write_backup(store, URI, source({("shop", "data"): volume}))


def digest(data: bytes) -> ObjectDigest:
    return ObjectDigest(len(data), sha256(data).hexdigest())


@dataclass
class Workshop:
    """Plants a state archive into a backup whose metadata vouches for every byte of it: only the content is hostile."""

    store: S3
    metadata: Metadata

    def plant(self, stored: bytes, frames: list[Frame] | None = None, **changes: Any) -> None:
        self.store.put(f"{URI}/state.tar.zst", stored)
        artifacts = {name: row for name, row in self.metadata.artifacts.items() if name == "manifests.tar.zst"}
        artifacts["state.tar.zst"] = digest(stored)
        if frames is not None:
            table = FrameTable(frames=tuple(frames)).dump()
            self.store.put(f"{URI}/state.frames.json", table)
            artifacts["state.frames.json"] = digest(table)
        given = {"artifacts": artifacts, "volumes": (Volume("shop", "data", 2**40, 10**6),)} | changes
        self.store.put(f"{URI}/metadata.json", replace(self.metadata, **given).dump())

    def plant_tar(self, raw: bytes, framed: bool, **changes: Any) -> None:
        stored = zstandard.ZstdCompressor().compress(raw)
        frame = Frame(0, len(stored), len(raw), sha256(stored).hexdigest())
        self.plant(stored, [frame] if framed else None, **changes)


@pytest.fixture
def workshop(store: S3, sound: Metadata) -> Workshop:
    return Workshop(store, sound)


def tar(*members: tuple[str, dict[str, Any]] | tuple[str, dict[str, Any], bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A raw tar of (name, TarInfo fields, content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, fields, *content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content[0]) if content else 0
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content[0]) if content else None)
    return out.getvalue()


FILE: dict[str, Any] = {"type": tarfile.REGTYPE}
DIRECTORY: dict[str, Any] = {"type": tarfile.DIRTYPE, "mode": 0o755}


def symlink(to: str) -> dict[str, Any]:
    return {"type": tarfile.SYMTYPE, "linkname": to}


def hardlink(to: str) -> dict[str, Any]:
    return {"type": tarfile.LNKTYPE, "linkname": to}


Snapshot = dict[str, Any]


def snapshot(root: Path, times: bool = True) -> Snapshot:
    """Everything a restore must bring back, by path: kind, mode, time, content, link, which names share an inode."""
    found: Snapshot = {}
    inodes: dict[int, str] = {}
    for path in sorted([root, *root.rglob("*")], key=str):
        name, state = str(path.relative_to(root)), path.lstat()
        content: Any = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        mode = None if path.is_symlink() else state.st_mode
        found[name] = (mode, state.st_mtime_ns if times else 0, content, inodes.setdefault(state.st_ino, name))
    return found


def restored(store: S3, target: Path, uri: str = URI) -> Path:
    open_backup(store, uri).restore_volumes(target)
    return target / "volumes" / "shop" / "data"


V = "volumes/shop/data"
SOUND = (f"{V}/file", FILE, b"sound")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where to restore to, with a neighbour that an escape would reach."""
    (tmp_path / "place").mkdir()
    (tmp_path / "outside").write_text("untouched")
    return tmp_path / "place" / "target"


def refused(workshop: Workshop, target: Path, kind: type[BackupError], limits: Limits | None = None) -> str:
    """The message of the refusal, after making sure that nothing happened."""
    around = target.parent.parent
    before = snapshot(around, times=False)
    with pytest.raises(kind) as caught:
        open_backup(workshop.store, URI).restore_volumes(target, limits)
    assert type(caught.value) is kind
    assert snapshot(around, times=False) == before
    assert caught.value.where.startswith(f"{URI}/")
    assert caught.value.fix and "\n" not in str(caught.value)
    return str(caught.value)


RAW = tar((f"{V}/big", FILE, bytes(range(256)) * 300), SOUND)


def compress(raw: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(raw)
