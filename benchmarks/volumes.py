"""Unpacking a state archive, verified, against the pipelines a person would type."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.store import FolderStore
from benchmarks.table import Row, compare, shell
from benchmarks.trees import mixed
from relight.backup.reader import open_backup
from relight.backup.writer import BackupSource, write_backup

URI = "s3://bench/app/backups/b1"


def rows(megabytes: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as name:
        root = Path(name)
        store, target = FolderStore(root / "s3"), root / "target"
        mixed(root / "tree", megabytes * 2**20)
        source = BackupSource(
            backup_id="b1",
            app="app",
            namespace="app",
            created_at="2026-01-01T00:00:00Z",
            manifests=[],
            volumes={("app", "data"): root / "tree"},
        )
        write_backup(store, URI, source)
        archive = store.path(f"{URI}/state.tar.zst")
        pipe = f"mkdir -p {target} && zstd -dcq {archive} | tar x -C {target}"
        peers = {
            "zstd -dc | tar x": (0.70, pipe),
            "sha256sum; zstd -dc | tar x": (0.42, f"sha256sum -b {archive} >/dev/null && {pipe}"),
        }
        for peer, (aim, command) in peers.items():
            yield compare(
                f"unpack, verified, {megabytes} MB mixed",
                peer,
                aim,
                ours=lambda: _restore(store, target),
                theirs=shell(command),
                prepare=lambda: shutil.rmtree(target, ignore_errors=True),
            )


def _restore(store: FolderStore, target: Path) -> None:
    open_backup(store, URI).restore_volumes(target)
