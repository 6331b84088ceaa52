"""S3 and the network in bad hours: each fault ends in a retry that nobody sees, or in one error and nothing half there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.adapters import s3 as adapter
from relight.adapters.s3 import S3
from relight.backup import frames
from relight.backup.reader import open_backup
from relight.backup.writer import write_backup
from relight.errors import Conflict, RelightError, ServiceUnavailable, Throttled
from tests.backup.conftest import URI, restored, snapshot, source
from tests.stub_s3 import Faults, serving

pytestmark = pytest.mark.slow


@pytest.fixture
def faults(store: S3, volume: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    """A backup in many frames, served over HTTP."""
    monkeypatch.setattr(frames, "RAW", 8192)
    monkeypatch.setattr(adapter, "PAUSE", 0.01)
    (volume / "noise").write_bytes(os.urandom(60_000))
    write_backup(store, URI, source({("shop", "data"): volume}))
    made = Faults()
    made.objects = {f"/{found.uri.removeprefix('s3://')}": store.get(found.uri) for found in store.list(URI)}
    return made


@pytest.fixture
def served(faults: Faults) -> Iterator[S3]:
    with serving(faults) as store:
        yield store


def after_the_table(served: S3, faults: Faults, *coming: str) -> None:
    """Faults for the reads that come behind metadata and table of frames."""
    faults.coming = ["", "", *coming]


@pytest.mark.parametrize("fault", ["short", "breaks off", "stalls", "slow down"])
def test_a_read_that_fails_once_is_taken_up_again(
    served: S3, faults: Faults, volume: Path, tmp_path: Path, fault: str
) -> None:
    after_the_table(served, faults, fault, "", fault)
    assert snapshot(restored(served, tmp_path / "target")) == snapshot(volume)
    assert faults.coming == []


def test_an_answer_that_broke_off_is_taken_up_where_it_ended(served: S3, faults: Faults) -> None:
    faults.objects["/shop-backups/x"] = bytes(range(256)) * 10
    faults.coming = ["short", "breaks off"]
    assert served.get_range("s3://shop-backups/x", 100, 1000) == faults.objects["/shop-backups/x"][100:1100]
    assert [part for _, part in faults.asked] == ["bytes=100-1099", "bytes=600-1099", "bytes=850-1099"]


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("short", ServiceUnavailable, "bytes of"),
        ("breaks off", ServiceUnavailable, "bytes of"),
        ("stalls", ServiceUnavailable, "bytes of"),
        ("slow down", Throttled, "AWS throttled the call (SlowDown"),
        ("whole", ServiceUnavailable, "the answer was another part"),
    ],
)
def test_a_read_that_goes_on_failing_is_one_error_and_leaves_nothing(
    served: S3, faults: Faults, tmp_path: Path, fault: str, kind: type[RelightError], says: str
) -> None:
    after_the_table(served, faults, *[fault] * 500)
    faults.stalls.set()
    with pytest.raises(kind) as caught:
        open_backup(served, URI).restore_volumes(tmp_path / "target")
    assert says in str(caught.value) and str(caught.value).startswith(f"read {URI}/state.tar.zst: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["volume"]


def test_an_object_that_is_replaced_while_it_is_read_is_one_error_and_leaves_nothing(
    served: S3, faults: Faults, tmp_path: Path
) -> None:
    after_the_table(served, faults, "", "", "replaced")
    with pytest.raises(Conflict, match=r"state\.tar\.zst: somebody else changed it"):
        open_backup(served, URI).restore_volumes(tmp_path / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["volume"]
