"""Threads that read and compress ahead end with what they were for, also when it fails, and without the collector's help."""

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relight.adapters.s3 import S3
from relight.backup.frames import IN_MEMORY, Frame, FrameTable
from relight.backup.parallel import ordered
from relight.backup.reader import open_backup
from relight.backup.upload import Sender
from relight.backup.verify import verify
from relight.backup.writer import write_backup
from relight.errors import BackupError, Throttled
from tests.backup.conftest import FILE, URI, Workshop, source, tar


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
        deadline = time.monotonic() + 5
        while (left := workers()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert left == []
    finally:
        gc.enable()


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("backup", "upload"))]


@pytest.mark.parametrize("framed", [True, False])
def test_a_refused_restore(workshop: Workshop, tmp_path: Path, framed: bool) -> None:
    workshop.plant_tar(tar(("../x", FILE, b"")), framed)
    with pytest.raises(BackupError) as caught:
        open_backup(workshop.store, URI).restore_volumes(tmp_path / "target")
    assert caught.value.__traceback__  # it keeps the frames alive, as a log or a receipt might


@pytest.mark.parametrize("framed", [True, False])
def test_a_check_that_stops_early(workshop: Workshop, framed: bool) -> None:
    workshop.plant_tar(tar(("x", {"type": b"V"}), ("y", FILE, b"")), framed)
    assert [finding.code for finding in verify(workshop.store, URI, deep=True)] == ["R307"]


def test_an_upload_that_fails(store: S3, volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(_: str, chunks: Iterator[bytes]) -> Any:
        next(chunks)
        raise Throttled("busy")

    sender = Sender(store)
    monkeypatch.setattr(sender, "send", throttled)
    with pytest.raises(Throttled) as caught:
        write_backup(store, URI, source({("shop", "data"): volume}), sender)
    assert caught.value.__traceback__


def test_work_is_given_in_order_and_no_further_ahead_than_asked() -> None:
    begun: list[int] = []

    def slow(number: int) -> int:
        begun.append(number)
        time.sleep(0.02 * (number % 3))
        return number

    results = ordered(slow, range(100), threads=4)
    assert [next(results) for _ in range(10)] == list(range(10))
    assert max(begun) < 10 + 4
    results.close()


def test_one_that_takes_long_holds_up_no_thread_where_results_may_wait() -> None:
    tenth = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert tenth.wait(10)
        if number == 10:
            tenth.set()
        return number

    assert list(ordered(work, range(20), threads=2, waiting=20)) == list(range(20))


@pytest.mark.parametrize(("stored", "raw", "most"), [(8, 8, 14), (2, 8, 14), (64, 64, 14), (8, 8, 100)])
def test_the_frames_under_way_fit_into_memory(stored: int, raw: int, most: int) -> None:
    mebibyte = 2**20
    table = FrameTable(frames=(Frame(0, stored * mebibyte, raw * mebibyte, ""),))
    alone, side_by_side = table.at_once(most), table.at_once(most, decompressed=2)
    assert alone == 2 or alone * (stored + raw) * mebibyte <= IN_MEMORY
    assert side_by_side == 2 or (side_by_side * stored + 2 * raw) * mebibyte <= IN_MEMORY
    assert alone <= side_by_side <= most


def test_a_failure_comes_where_its_item_was() -> None:
    results = ordered(lambda number: 1 // number, [1, 0, 1], threads=3)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
