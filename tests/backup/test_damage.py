"""Limits, damage in store, and targets that are not for us."""

from hashlib import sha256
from pathlib import Path

import pytest
import zstandard

from relight.backup.frames import Frame
from relight.backup.metadata import Volume
from relight.backup.reader import open_backup
from relight.backup.unpack import Limits
from relight.backup.verify import verify
from relight.errors import (
    ArchiveMalformed,
    ArchiveTooLarge,
    ArtifactMissing,
    BackupError,
    BackupNotFound,
    BackupUncommitted,
    DigestMismatch,
    RestoreFailed,
    SizeMismatch,
)
from tests.backup.conftest import DIRECTORY, FILE, RAW, SOUND, URI, V, Workshop, compress, digest, refused, snapshot, tar


# ---------------------------------------------------------------- limits and declarations
@pytest.mark.parametrize(
    ("limits", "declared", "says"),
    [
        (Limits(files=2), Volume("shop", "data", 2**40, 100), "holds more members than the limit"),
        (Limits(bytes=9), Volume("shop", "data", 2**40, 100), "holds more bytes than the limit"),
        (None, Volume("shop", "data", 9, 100), "holds more bytes than the metadata declares: 10 or more, 9 allowed"),
        (None, Volume("shop", "data", 100, 1), "holds more files than the metadata declares"),
    ],
)
def test_more_than_declared_or_allowed_is_refused(
    workshop: Workshop, target: Path, limits: Limits | None, declared: Volume, says: str
) -> None:
    workshop.plant_tar(tar((V, DIRECTORY), SOUND, (f"{V}/other", FILE, b"sound")), framed=True, volumes=(declared,))
    assert says in refused(workshop, target, ArchiveTooLarge, limits)


# ---------------------------------------------------------------- bytes that are not what was written
@pytest.mark.parametrize("framed", [True, False], ids=["framed", "plain"])
@pytest.mark.parametrize("at", [0, 10, 40, -30])
def test_a_flipped_bit_is_damage_wherever_it_is(workshop: Workshop, target: Path, framed: bool, at: int) -> None:
    workshop.plant_tar(RAW, framed)
    stored = bytearray(workshop.store.get(f"{URI}/state.tar.zst"))
    stored[at] ^= 1
    workshop.store.put(f"{URI}/state.tar.zst", bytes(stored))
    refused(workshop, target, DigestMismatch)
    assert "R306" in [finding.code for finding in verify(workshop.store, URI, deep=True)]


def test_a_frame_table_that_was_changed_is_refused(workshop: Workshop, target: Path) -> None:
    table = workshop.store.get(f"{URI}/state.frames.json")
    workshop.store.put(f"{URI}/state.frames.json", table.replace(b'"offset":0', b'"offset":1'))
    assert "state.frames.json" in refused(workshop, target, DigestMismatch)


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        ([Frame(1, 10, 10, "")], ArchiveMalformed),
        ([Frame(0, 10, 10, ""), Frame(5, 10, 10, "")], ArchiveMalformed),
        ([Frame(0, 0, 10, "")], ArchiveMalformed),
        ([Frame(0, 10, -1, "")], ArchiveMalformed),
        ([Frame(0, 10, 10, "")], SizeMismatch),
        ([], SizeMismatch),
    ],
)
def test_frames_that_do_not_tile_the_archive_are_refused(
    workshop: Workshop, target: Path, frames: list[Frame], kind: type[BackupError]
) -> None:
    workshop.plant(compress(RAW), frames)
    refused(workshop, target, kind)


def test_a_frame_of_another_length_than_told_is_refused(workshop: Workshop, target: Path) -> None:
    stored = zstandard.ZstdCompressor(write_content_size=False).compress(RAW)
    workshop.plant(stored, [Frame(0, len(stored), len(RAW) + 1, sha256(stored).hexdigest())])
    refused(workshop, target, ArchiveMalformed)


@pytest.mark.parametrize("name", ["state.tar.zst", "state.frames.json"])
def test_a_missing_artifact_is_named(workshop: Workshop, target: Path, name: str) -> None:
    workshop.store.delete(f"{URI}/{name}")
    assert f"{URI}/{name}: the metadata names it, and it is not there" in refused(workshop, target, ArtifactMissing)


@pytest.mark.parametrize("name", ["state.tar.zst", "state.frames.json"])
def test_an_artifact_of_another_size_is_named(workshop: Workshop, target: Path, name: str) -> None:
    data = workshop.store.get(f"{URI}/{name}")
    workshop.store.put(f"{URI}/{name}", data[:-1])
    assert f"it has {len(data) - 1} bytes, the metadata says {len(data)}" in refused(workshop, target, SizeMismatch)


def test_an_artifact_that_no_digest_vouches_for_is_not_restored(workshop: Workshop, target: Path) -> None:
    workshop.plant(b"", artifacts={"manifests.tar.zst": digest(b"")})
    assert "nothing can prove its bytes" in refused(workshop, target, ArtifactMissing)


# ---------------------------------------------------------------- where to restore to
def test_a_target_with_something_in_it_is_left_alone(workshop: Workshop, target: Path) -> None:
    target.mkdir()
    (target / "mine").write_text("keep")
    with pytest.raises(RestoreFailed, match="is not empty; nothing was restored"):
        open_backup(workshop.store, URI).restore_volumes(target)
    assert snapshot(target, times=False).keys() == {".", "mine"}


def test_an_empty_target_is_filled_and_leftovers_of_a_killed_restore_go(workshop: Workshop, target: Path) -> None:
    target.mkdir()
    (target.parent / ".target.restoring" / "half").mkdir(parents=True)
    open_backup(workshop.store, URI).restore_volumes(target)
    assert sorted(path.name for path in target.parent.iterdir()) == ["target"]
    assert (target / V / "orders.db").exists()


def test_a_link_as_target_is_refused(workshop: Workshop, target: Path) -> None:
    target.symlink_to("..")
    with pytest.raises(RestoreFailed):
        open_backup(workshop.store, URI).restore_volumes(target)


def test_a_backup_that_is_not_there_or_never_finished_says_so(workshop: Workshop) -> None:
    with pytest.raises(BackupNotFound, match="there is no such backup"):
        open_backup(workshop.store, URI.replace("11-23", "11-22"))
    workshop.store.delete(f"{URI}/metadata.json")
    with pytest.raises(BackupUncommitted, match=r"has no metadata\.json; the backup never finished"):
        open_backup(workshop.store, URI)


def test_metadata_other_than_the_plan_was_made_for_is_refused(workshop: Workshop) -> None:
    opened = open_backup(workshop.store, URI)
    assert open_backup(workshop.store, URI, opened.metadata_sha256).metadata == workshop.metadata
    with pytest.raises(DigestMismatch, match="the plan was made for"):
        open_backup(workshop.store, URI, "0" * 64)
