"""Unpacking a state archive, verified, against the pipelines a person would type; one file of it; what it costs in CPU."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import zstandard

from benchmarks.peers import peer
from benchmarks.store import FolderSender, FolderStore
from benchmarks.table import Row, contest, rated
from relight.adapters.s3 import S3
from relight.backup.frames import FrameTable
from relight.backup.onefile import restore_file
from relight.backup.reader import open_backup
from relight.backup.writer import BackupSource, write_backup

URI = "s3://bench/app/backups/b1"
ARCHIVE = f"{URI.removeprefix('s3://')}/state.tar.zst"
VOLUME = "volumes/app/data"


def back_up(store: S3, tree: Path) -> None:
    source = BackupSource(
        backup_id="b1",
        app="app",
        namespace="app",
        created_at="2026-01-01T00:00:00Z",
        manifests=[],
        volumes={("app", "data"): tree},
    )
    write_backup(store, URI, source, FolderSender(store) if isinstance(store, FolderStore) else None)


def prepared(root: Path, fill: Callable[[Path], None]) -> FolderStore:
    """A bucket below ``root``/s3 with a backup of the tree that ``fill`` makes at ``root``/tree."""
    fill(root / "tree")
    store = FolderStore(root / "s3")
    back_up(store, root / "tree")
    return store


def clear(target: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(target, ignore_errors=True)


def unpacking(what: str, root: Path, scratch: Path, targets: tuple[float, float], restic: float | None) -> Iterator[Row]:
    """Against the pipe, the pipe with its digest checked first (or, given its target, restic)."""
    store, target, archive = FolderStore(root / "s3"), scratch / "target", root / "s3" / ARCHIVE
    pipe = f"mkdir -p {target} && zstd -dcq {archive} | tar x -C {target}"
    peers = [peer("zstd -dc | tar x", targets[0], pipe)]
    if restic is None:
        peers.append(peer("sha256sum; zstd -dc | tar x", targets[1], f"sha256sum -b {archive} >/dev/null && {pipe}"))
    else:
        given = {"RESTIC_REPOSITORY": str(scratch / "restic"), "RESTIC_PASSWORD": "bench", "XDG_CACHE_HOME": str(scratch)}
        rival = peer("restic restore", restic, f"restic restore -q latest --target {target}", **given)
        if rival.run:
            filled = peer("", 0, f"restic init -q && cd {root} && restic backup -q tree", **given)
            assert filled.run
            filled.run()
        peers.append(rival)
    name = f"unpack, verified, {what}"
    yield from contest(name, lambda: restore(store, target), peers, clear(target))
    shutil.rmtree(scratch / "restic", ignore_errors=True)


def restore(store: S3, target: Path) -> None:
    open_backup(store, URI).restore_volumes(target)


def one_file(what: str, root: Path, scratch: Path) -> Iterator[Row]:
    """A small file from the middle of the archive, against all of it."""
    store, target = FolderStore(root / "s3"), scratch / "target"
    files = sorted(path for path in (root / "tree").rglob("*") if path.is_file() and path.stat().st_size < 2**20)
    name = f"{VOLUME}/{files[len(files) // 2].relative_to(root / 'tree')}"

    def clean() -> None:
        shutil.rmtree(target, ignore_errors=True)
        (scratch / "one").unlink(missing_ok=True)

    def one() -> None:
        restore_file(open_backup(store, URI), name, scratch / "one")

    def whole() -> None:
        restore(store, target)

    seconds = [_timed(run, clean, time.perf_counter) for run in (one, whole, one)]
    yield rated(f"one file out of {what}", "all of it (ours)", 0.02, min(seconds[0], seconds[2]), seconds[1])


def cpu(what: str, root: Path, scratch: Path, target_ratio: float) -> Iterator[Row]:
    """CPU seconds, of all processes, over those of decompressing, hashing and writing alone."""
    store, target = FolderStore(root / "s3"), scratch / "target"
    ours, parts = [], []
    for _ in range(3):
        ours.append(_timed(lambda: restore(store, target), clear(target), _cpu))
        parts.append(_timed(lambda: _parts(store, root / "tree", target), clear(target), _cpu))
    clear(target)()
    yield rated(f"CPU of the unpack, {what}", "decompress + sha256 + write alone", target_ratio, min(ours), min(parts))


def _timed(run: Callable[[], None], prepare: Callable[[], None], clock: Callable[[], float]) -> float:
    prepare()
    began = clock()
    run()
    return clock() - began


def _cpu() -> float:
    return sum(os.times()[:4])


def _parts(store: FolderStore, tree: Path, target: Path) -> None:
    """The least that any unpacking does: every frame hashed and decompressed, every file made, written, owned and dated."""
    table = FrameTable.parse(store.get(f"{URI}/state.frames.json"), "", store.path(f"{URI}/state.tar.zst").stat().st_size)
    engine = zstandard.ZstdDecompressor()
    for frame in table.frames:
        data = store.get_range(f"{URI}/state.tar.zst", frame.offset, frame.length)
        sha256(data).digest()
        engine.decompress(data)
    content = memoryview(bytes(64 * 2**20))
    for folder, _, names in os.walk(tree):
        place = target / os.path.relpath(folder, tree)
        place.mkdir(parents=True)
        reading, writing = os.open(folder, os.O_RDONLY), os.open(place, os.O_RDONLY)
        for name in names:
            found = os.stat(name, dir_fd=reading)
            file = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=writing)
            os.write(file, content[: found.st_size])
            os.utime(file, ns=(found.st_mtime_ns, found.st_mtime_ns))
            os.close(file)
        os.close(reading)
        os.close(writing)
