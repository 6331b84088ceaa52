"""Every byte of a backup is proven in bounded time: what one call does not reach, the next goes on with."""

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from relight.adapters.s3 import S3
from relight.backup import frames
from relight.backup.audit import audit
from relight.backup.catalog import BackupSummary, list_backups
from relight.backup.writer import write_backup
from relight.model import Audit, BackupState
from tests.backup.conftest import STORAGE, source

URI = f"{STORAGE}/backups/a"
ALWAYS = lambda: True  # noqa: E731


@pytest.fixture
def backup(store: S3, volume: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], BackupSummary]:
    """A backup of many small frames; called again, as it is listed now."""
    monkeypatch.setattr(frames, "RAW", 2**12)
    for number in range(8):
        (volume / f"file-{number}").write_bytes(bytes([number]) * 5000)
    write_backup(store, URI, source({("shop", "data"): volume}, backup_id="a"))
    return lambda: list_backups(store, STORAGE)[0]


def damage(store: S3, name: str, at: int) -> None:
    data = bytearray(store.get(f"{URI}/{name}"))
    data[at] ^= 1
    store.put(f"{URI}/{name}", bytes(data))


def test_a_good_backup_is_valid_once_its_last_frame_is_read(store: S3, backup: Callable[[], BackupSummary]) -> None:
    found = audit(store, backup(), None, ALWAYS)
    assert (found.state, found.findings) == (BackupState.VALID, ())
    assert found.next_frame > 4 and found.bytes == backup().bytes


def test_an_audit_that_is_cut_short_goes_on_where_it_ended(
    store: S3, backup: Callable[[], BackupSummary], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: Audit | None = None
    read: list[int] = []
    firsts: list[int] = []
    range_of = S3.read_into

    def noting(self: S3, uri: str, start: int, into: memoryview, etag: str | None = None) -> None:
        if uri.endswith("state.tar.zst"):
            read.append(start)
        range_of(self, uri, start, into, etag)

    monkeypatch.setattr(S3, "read_into", noting)
    for turn in count(1):
        read.clear()
        reached = audit(store, backup(), reached, lambda: False)
        firsts.append(min(read))
        if reached.state != BackupState.CHECKING:
            break
        assert (reached.next_frame, "the next call goes on" in reached.reason) == (turn, True)
    assert (reached.state, reached.next_frame) == (BackupState.VALID, turn)
    assert firsts == sorted(set(firsts))  # nothing that was proven is read again


def test_damage_behind_the_place_where_it_goes_on_is_found(store: S3, backup: Callable[[], BackupSummary]) -> None:
    size = len(store.get(f"{URI}/state.tar.zst"))
    damage(store, "state.tar.zst", size - 3)
    begun = audit(store, backup(), None, lambda: False)
    assert begun.state == BackupState.CHECKING
    found = audit(store, backup(), begun, ALWAYS)
    assert found.state == BackupState.INVALID
    assert "has sha256" in found.reason and found.findings[0].startswith("R3")


def test_a_backup_that_was_replaced_meanwhile_is_begun_anew(store: S3, backup: Callable[[], BackupSummary]) -> None:
    begun = audit(store, backup(), None, lambda: False)
    damage(store, "state.tar.zst", 10)  # in the frame that was proven
    found = audit(store, backup(), begun, ALWAYS)
    assert found.state == BackupState.INVALID
    assert found.fingerprint != begun.fingerprint


def test_broken_metadata_and_a_missing_artifact_are_findings(store: S3, backup: Callable[[], BackupSummary]) -> None:
    store.delete(f"{URI}/manifests.tar.zst")
    found = audit(store, backup(), None, ALWAYS)
    assert found.state == BackupState.INVALID and "manifests.tar.zst" in found.reason
    store.put(f"{URI}/metadata.json", b"{}")
    assert audit(store, backup(), None, ALWAYS).state == BackupState.INVALID


def test_an_archive_without_frames_is_read_whole_or_left_to_the_next_drill(
    store: S3, backup: Callable[[], BackupSummary]
) -> None:
    strip_frames(store)
    assert audit(store, backup(), None, ALWAYS).state == BackupState.VALID
    deferred = audit(store, backup(), None, ALWAYS, whole=100)
    assert deferred.state == BackupState.DEFERRED
    assert "the next drill reads every byte" in deferred.reason
    damage(store, "state.tar.zst", 50)
    assert audit(store, backup(), None, ALWAYS).state == BackupState.INVALID


def strip_frames(store: S3) -> None:
    about = json.loads(store.get(f"{URI}/metadata.json"))
    del about["artifacts"]["state.frames.json"]
    store.put(f"{URI}/metadata.json", json.dumps(about).encode())
