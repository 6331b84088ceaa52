"""One file comes back alone, and little else is read for it."""

import os
from pathlib import Path

import pytest

from relight.adapters.s3 import S3
from relight.backup import frames
from relight.backup.onefile import restore_file
from relight.backup.reader import open_backup
from relight.backup.writer import write_backup
from relight.errors import DigestMismatch, RestoreFailed
from tests.backup.conftest import SOUND, URI, V, Workshop, snapshot, source, tar


@pytest.fixture
def kept(store: S3, volume: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume, and its backup in many frames."""
    monkeypatch.setattr(frames, "RAW", 4096)
    (volume / "noise").write_bytes(os.urandom(100_000))
    (volume / "noise").chmod(0o640)
    os.utime(volume / "noise", ns=(0, 1_234_567_890_123_456_789))
    os.link(volume / "noise", volume / "zz-hard")
    (volume / "inbox" / "ä\n").write_text("odd name")
    (volume / "inbox" / "link").symlink_to("1.json")
    write_backup(store, URI, source({("shop", "data"): volume}))
    return volume


@pytest.mark.parametrize("name", ["noise", "zz-hard", "inbox/7.json", "inbox/ä\n", "orders.db"])
def test_any_file_comes_back_alone(store: S3, kept: Path, tmp_path: Path, name: str) -> None:
    found = restore_file(open_backup(store, URI), f"{V}/{name}", tmp_path / "out")
    before, after = (kept / name).stat(), found.stat()
    assert found.read_bytes() == (kept / name).read_bytes()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "volume"]


def test_little_else_is_read(store: S3, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    into = S3.read_into
    monkeypatch.setattr(S3, "read_into", lambda self, *given: read.append(given[1]) or into(self, *given))
    restore_file(open_backup(store, URI), f"{V}/inbox/7.json", tmp_path / "out")
    assert len(read) < len(open_backup(store, URI).frames().frames) / 2  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["missing", "inbox", "inbox/link", "nois", ""])
def test_what_is_no_file_of_the_backup_is_said(store: S3, kept: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(RestoreFailed, match=r"has no file .*index\.jsonl lists what there is"):
        restore_file(open_backup(store, URI), f"{V}/{name}", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["volume"]


def test_a_file_that_is_there_is_left_alone(store: S3, kept: Path, tmp_path: Path) -> None:
    before = snapshot(kept)
    with pytest.raises(RestoreFailed, match="is there already"):
        restore_file(open_backup(store, URI), f"{V}/noise", kept / "orders.db")
    assert snapshot(kept) == before


def test_damage_is_told_and_leaves_nothing(store: S3, kept: Path, tmp_path: Path) -> None:
    stored = bytearray(store.get(f"{URI}/state.tar.zst"))
    stored[len(stored) // 2] ^= 1
    store.put(f"{URI}/state.tar.zst", bytes(stored))
    with pytest.raises(DigestMismatch):
        restore_file(open_backup(store, URI), f"{V}/noise", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["volume"]


def test_a_backup_without_frames_says_that_it_cannot(workshop: Workshop, tmp_path: Path) -> None:
    workshop.plant_tar(tar(SOUND), framed=False)
    with pytest.raises(
        RestoreFailed, match=r"one file cannot be found alone; .* aws s3 cp \S+ - \| zstd -d \| tar x volumes/shop"
    ):
        restore_file(open_backup(workshop.store, URI), f"{V}/file", tmp_path / "out")
