"""A backup's upload in bad hours: what broke off is taken up, nothing is sent twice, nothing is ever replaced."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.adapters.parts import Uploads
from relight.adapters.s3 import S3
from relight.backup import frames, upload
from relight.backup.unfinished import to_resume, unfinished
from relight.backup.upload import Sender
from relight.backup.verify import verify
from relight.backup.writer import write_backup
from relight.errors import BackupExists, Conflict, RelightError, RequestInvalid, RetryableError
from tests.backup.conftest import STORAGE, URI, restored, snapshot, source
from tests.stub_bucket import Bucket
from tests.stub_uploads import serving, store_of

STATE = f"/{URI.removeprefix('s3://')}/state.tar.zst"
PARTS = 6
SMALL = 20_000


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def store(bucket: Bucket) -> Iterator[S3]:
    with serving(bucket) as url:
        yield store_of(url)


@pytest.fixture
def large(volume: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume whose state goes in PARTS parts, as small as a test wants them."""
    monkeypatch.setattr(frames, "RAW", 8192)
    monkeypatch.setattr(upload, "PART", SMALL)
    (volume / "noise").write_bytes(os.urandom(SMALL * (PARTS - 1)))
    return volume


def write(store: S3, volume: Path, resume: bool = False) -> Sender:
    sender = Sender(store, resume=resume)
    created = "2026-11-23T04:00:00Z" if resume else "2026-11-23T03:00:00Z"
    made = write_backup(store, URI, source({("shop", "data"): volume}, created_at=created), sender)
    assert made.created_at == created
    return sender


def failing(bucket: Bucket, wanted: tuple[str, int], fault: str) -> None:
    bucket.fault = lambda method, what, number: fault if (what, number) == wanted else ""


def well(bucket: Bucket) -> None:
    bucket.fault = lambda *_: ""
    bucket.asked.clear()


def test_the_same_tree_is_the_same_bytes(large: Path) -> None:
    archives = []
    for _ in range(2):
        bucket = Bucket()
        with serving(bucket) as url:
            write(store_of(url), large)
        archives.append(bucket.objects[STATE].data)
    assert archives[0] == archives[1]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["cut", "lost", "SlowDown"])
@pytest.mark.parametrize("number", range(1, PARTS + 1))
def test_what_broke_off_at_any_part_is_taken_up_and_sends_no_part_twice(
    store: S3, bucket: Bucket, large: Path, tmp_path: Path, number: int, fault: str
) -> None:
    failing(bucket, ("part", number), fault)
    with pytest.raises(RetryableError):
        write(store, large)
    assert bucket.objects == {}
    (left,) = unfinished(store, STORAGE)
    (there,) = (Uploads(store).parts(one) for one in left.uploads)

    well(bucket)
    assert to_resume(store, STORAGE, None) == "2026-11-23"
    sender = write(store, large, resume=True)
    sent = [number for _, what, number in bucket.asked if what == "part"]
    assert sorted([*sent, *there]) == list(range(1, len(sent) + len(there) + 1))
    assert sum(sender.tally.kept) == sum(part.size for part in there.values())
    assert verify(store, URI, deep=True) == [] and bucket.uploads == {}
    assert snapshot(restored(store, tmp_path / "target")) == snapshot(large)


STEPS = [("begin", 0), ("complete", 0), ("state.frames.json", 0), ("manifests.tar.zst", 0), ("metadata.json", 0)]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["cut", "lost"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[0])
def test_what_broke_off_at_any_step_is_taken_up(
    store: S3, bucket: Bucket, large: Path, step: tuple[str, int], fault: str
) -> None:
    failing(bucket, step, fault)
    with pytest.raises(RelightError):
        write(store, large)
    well(bucket)
    if (step, fault) == (("metadata.json", 0), "lost"):  # it is committed, and nobody heard
        with pytest.raises(BackupExists):
            write(store, large, resume=True)
    else:
        write(store, large, resume=True)
    assert verify(store, URI, deep=True) == []
    if step[0] not in ("begin", "complete"):
        assert bucket.parts_sent() == 0


@pytest.mark.slow
@pytest.mark.parametrize("what", ["complete", "state.frames.json", "manifests.tar.zst", "metadata.json"])
def test_an_answer_that_is_lost_once_is_no_failure_at_all(bucket: Bucket, large: Path, what: str) -> None:
    lost: list[str] = []

    def once(method: str, asked: str, number: int) -> str:
        lost.extend([asked] if asked == what else [])
        return "lost" if asked == what and len(lost) == 1 else ""

    bucket.fault = once
    with serving(bucket) as url:
        store = store_of(url, tries=3)
        write(store, large)
        assert len(lost) > 1 and verify(store, URI, deep=True) == []


def test_what_changed_since_is_sent_anew_and_the_backup_is_of_one_state(
    store: S3, bucket: Bucket, large: Path, tmp_path: Path
) -> None:
    failing(bucket, ("part", PARTS), "cut")
    with pytest.raises(RetryableError):
        write(store, large)
    with (large / "noise").open("r+b") as file:
        file.seek(3 * SMALL)
        file.write(b"changed since")
    os.utime(large / "noise", (1, 1))
    (large / "inbox" / "3.json").unlink()
    well(bucket)
    sender = write(store, large, resume=True)
    assert bucket.parts_sent() >= 1
    assert verify(store, URI, deep=True) == []
    assert snapshot(restored(store, tmp_path / "target")) == snapshot(large)
    assert sender.tally.parts >= PARTS - 1


def test_parts_beyond_the_new_end_are_not_in_the_object(store: S3, bucket: Bucket, large: Path, tmp_path: Path) -> None:
    failing(bucket, ("complete", 0), "cut")
    with pytest.raises(RetryableError):
        write(store, large)
    (large / "noise").write_bytes((large / "noise").read_bytes()[: 2 * SMALL])
    well(bucket)
    write(store, large, resume=True)
    assert verify(store, URI, deep=True) == []
    assert snapshot(restored(store, tmp_path / "target")) == snapshot(large)


def test_a_whole_state_of_another_moment_is_never_replaced(store: S3, bucket: Bucket, large: Path) -> None:
    failing(bucket, ("metadata.json", 0), "cut")
    with pytest.raises(RetryableError):
        write(store, large)
    kept = bucket.objects[STATE].data
    (large / "orders.db").write_bytes(b"later")
    well(bucket)
    with pytest.raises(BackupExists, match=r"with another state.*take the backup under a new id"):
        write(store, large, resume=True)
    assert bucket.objects[STATE].data == kept and f"{URI}/metadata.json" not in bucket.objects


def test_of_two_writers_at_once_one_wins_and_the_loser_says_so(store: S3, bucket: Bucket, large: Path) -> None:
    """The second begins and ends while the first is at its last part: as a laptop that wakes up again."""
    other = large.parent / "other"
    other.mkdir()
    (other / "noise").write_bytes(os.urandom(SMALL * 3))
    began: list[bool] = []

    def meanwhile(method: str, what: str, number: int) -> str:
        if what == "complete" and not began:
            began.append(True)
            write_backup(store, URI, source({("shop", "data"): other}))
        return ""

    bucket.fault = meanwhile
    with pytest.raises(BackupExists, match=r"state\.tar\.zst: is there with another state"):
        write(store, large)
    assert began and bucket.uploads == {}
    bucket.fault = lambda *_: ""
    assert verify(store, URI, deep=True) == []


def test_who_wakes_up_after_another_took_the_upload_up_cannot_mix_states(store: S3, bucket: Bucket, large: Path) -> None:
    began: list[bool] = []

    def meanwhile(method: str, what: str, number: int) -> str:
        if (what, number) == ("part", PARTS) and not began:
            began.append(True)
            (large / "orders.db").write_bytes(b"another state by now")
            write(store, large, resume=True)
        return ""

    bucket.fault = meanwhile
    with pytest.raises((BackupExists, Conflict)):
        write(store, large)
    bucket.fault = lambda *_: ""
    assert began and verify(store, URI, deep=True) == []


def test_an_upload_that_was_swept_meanwhile_is_named(store: S3, bucket: Bucket, large: Path) -> None:
    def sweep(method: str, what: str, number: int) -> str:
        if what == "part":
            bucket.uploads.clear()
        return ""

    bucket.fault = sweep
    with pytest.raises(Conflict, match="its unfinished upload is gone"):
        write(store, large)


def test_only_what_is_unfinished_can_be_resumed(store: S3, large: Path) -> None:
    with pytest.raises(RequestInvalid, match="has no unfinished backup; take a new one"):
        to_resume(store, STORAGE, None)
    write(store, large)
    with pytest.raises(RequestInvalid, match="is no unfinished backup"):
        to_resume(store, STORAGE, "2026-11-23")
