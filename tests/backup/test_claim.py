"""One claim of a backup comes into its volume: all of it, nothing else, and never half, whatever ends it on the way."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from relight.adapters.s3 import S3
from relight.backup import claim, frames
from relight.backup.claim import HOME, restore_claim
from relight.backup.reader import open_backup
from relight.backup.writer import write_backup
from relight.errors import DigestMismatch, RestoreFailed
from tests.backup.conftest import STORAGE, URI, snapshot, source


class Killed(BaseException):
    """What no code of ours handles."""


@pytest.fixture
def kept(store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume, backed up beside another one, in many frames."""
    monkeypatch.setattr(frames, "RAW", 4096)
    (volume / "noise").write_bytes(os.urandom(50_000))
    os.link(volume / "noise", volume / "zz-hard")
    (volume / "inbox" / "link").symlink_to("1.json")
    volume.chmod(0o750)
    other = tmp_path / "other"
    other.mkdir()
    (other / "of another claim").write_text("x")
    write_backup(store, URI, source({("shop", "data"): volume, ("shop", "data2"): other}))
    return volume


@pytest.fixture
def primary(tmp_path: Path) -> Path:
    """The volume as the primary has it: older files, one of them of the same name, and what the disk itself put there."""
    root = tmp_path / "primary"
    (root / "inbox").mkdir(parents=True)
    (root / "lost+found").mkdir()
    (root / "inbox" / "1.json").write_text("old")
    (root / "only here").write_text("old")
    return root


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, step: int) -> Iterator[None]:
    """Killed at the rename of that number."""
    left, rename = [step], Path.rename

    def dies(path: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return rename(path, target)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Path, "rename", dies)
        yield


def restored(store: S3, root: Path, uri: str = URI) -> Any:
    return restore_claim(open_backup(store, uri), "shop", "data", root)


def without_disk(root: Path) -> Any:
    """What the app sees there; the root's own time is when something came or went."""
    return {path: seen for path, seen in snapshot(root).items() if path.split("/")[0] not in ("lost+found", ".", HOME)}


def test_the_volume_then_holds_what_the_backup_has_of_the_claim_and_nothing_else(
    store: S3, kept: Path, primary: Path
) -> None:
    found = restored(store, primary)
    assert (found.claim, found.files) == ("data", 23)
    assert without_disk(primary) == without_disk(kept)
    assert (primary / "lost+found").is_dir() and not (primary / HOME).exists()
    assert primary.stat().st_mode & 0o777 == 0o750
    assert (primary / "noise").stat().st_nlink == 2


def test_damage_is_found_before_the_volume_is_touched(store: S3, kept: Path, primary: Path) -> None:
    before = without_disk(primary)
    state = bytearray(store.get(f"{URI}/state.tar.zst"))
    state[len(state) // 2] ^= 1
    store.put(f"{URI}/state.tar.zst", bytes(state))
    with pytest.raises(DigestMismatch):
        restored(store, primary)
    assert without_disk(primary) == before and not (primary / HOME).exists()


def test_a_disk_that_is_full_is_left_with_the_room_that_it_had(
    store: S3, kept: Path, primary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = without_disk(primary)

    def full(*_: Any) -> int:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(RestoreFailed, match=r"No space left.*give the disk more room"):
        patched.setattr(os, "pwrite", full)
        restored(store, primary)
    assert without_disk(primary) == before and not (primary / HOME).exists()


def test_a_backup_that_is_not_the_one_that_was_shown_is_refused(store: S3, kept: Path) -> None:
    with pytest.raises(DigestMismatch, match="the plan was made for"):
        open_backup(store, URI, "0" * 64)


@pytest.mark.parametrize("step", range(1, 8))
def test_killed_at_any_step_it_goes_on_and_ends_the_same(
    store: S3, kept: Path, primary: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Each rename of the swap is a step: before the first all is as it was, after the last nothing is left to do."""
    with dying(monkeypatch, step):
        restored(store, primary)
        raise Killed  # there are not so many
    assert restored(store, primary).files == 23
    assert without_disk(primary) == without_disk(kept)


def test_killed_before_all_was_proven_the_volume_is_as_it_was(
    store: S3, kept: Path, primary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = without_disk(primary)

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(claim._Swap, "prove", dies)
        restored(store, primary)
    assert without_disk(primary) == before
    restored(store, primary)
    assert without_disk(primary) == without_disk(kept)


@pytest.mark.parametrize(("step", "whole"), [(2, "former"), (5, "first")])
def test_another_backups_half_a_swap_is_made_whole_before_anything_else_can_fail(
    store: S3, kept: Path, primary: Path, monkeypatch: pytest.MonkeyPatch, step: int, whole: str
) -> None:
    states = {"former": without_disk(primary), "first": without_disk(kept)}
    with dying(monkeypatch, step):
        restored(store, primary)
    (kept / "newer").write_text("y")
    again = f"{STORAGE}/backups/2026-11-24"
    write_backup(store, again, source({("shop", "data"): kept}, backup_id="2026-11-24"))
    sound = store.get(f"{again}/state.tar.zst")
    store.put(f"{again}/state.tar.zst", b"\0" * len(sound))
    with pytest.raises(DigestMismatch):
        restored(store, primary, again)
    assert without_disk(primary) == states[whole]
    store.put(f"{again}/state.tar.zst", sound)
    restored(store, primary, again)
    assert without_disk(primary) == without_disk(kept)


def test_two_never_write_one_volume(store: S3, kept: Path, primary: Path) -> None:
    (primary / HOME).mkdir()
    held = os.open(primary / HOME, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(RestoreFailed, match="by another process"):
        restored(store, primary)
    os.close(held)
    restored(store, primary)


def test_a_claim_that_the_backup_lacks_and_a_volume_that_is_not_there_are_said(store: S3, kept: Path, primary: Path) -> None:
    before = without_disk(primary)
    with pytest.raises(RestoreFailed, match="nothing below volumes/shop/dat"):
        restore_claim(open_backup(store, URI), "shop", "dat", primary)
    with pytest.raises(RestoreFailed, match="No such file or directory"):
        restored(store, primary / "none")
    assert without_disk(primary) == before
