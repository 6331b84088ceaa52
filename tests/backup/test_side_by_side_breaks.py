"""Frames unpacked side by side when something breaks: damage, a dead process, a full disk, an impatient person."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relight.adapters.s3 import S3
from relight.backup.crew import Crew
from relight.backup.pull import Pull
from relight.backup.quick import plain_file
from relight.backup.reader import open_backup
from relight.backup.tarball import Kind, next_member
from relight.backup.writer import write_backup
from relight.errors import (
    DigestMismatch,
    RestoreFailed,
)
from tests.backup.conftest import (
    FILE,
    SOUND,
    URI,
    V,
    Workshop,
    refused,
    source,
    tar,
)
from tests.backup.test_side_by_side import never_in_order, plant, small_frames

__all__ = ["never_in_order", "small_frames"]  # fixtures


def test_a_damaged_frame_is_told_before_it_is_unpacked(workshop: Workshop, target: Path, never_in_order: None) -> None:
    plant(workshop, tar(SOUND, (f"{V}/other", FILE, b"x")), {1024: None})
    stored = bytearray(workshop.store.get(f"{URI}/state.tar.zst"))
    stored[-20] ^= 1
    workshop.store.put(f"{URI}/state.tar.zst", bytes(stored))
    assert "the frame at" in refused(workshop, target, DigestMismatch)


def test_a_worker_that_dies_fails_the_restore_and_leaves_nothing(
    store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume / "noise").write_bytes(os.urandom(50_000))
    write_backup(store, URI, source({("shop", "data"): volume}))
    started: list[subprocess.Popen[bytes]] = []
    start = Crew._start

    def doomed(crew: Crew, channels: list[int]) -> subprocess.Popen[bytes]:
        started.append(start(crew, channels))
        started[-1].send_signal(signal.SIGKILL)
        return started[-1]

    monkeypatch.setattr(Crew, "_start", doomed)
    with pytest.raises(RestoreFailed, match=r"state\.tar\.zst: a process that unpacks it ended by itself"):
        open_backup(store, URI).restore_volumes(tmp_path / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["volume"]
    assert started and all(worker.poll() is not None for worker in started)


@pytest.mark.parametrize("victim", [0, 1, 2], ids=["the first", "its first", "its last"])
def test_whichever_worker_dies_is_missed_and_none_is_left(
    store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: int
) -> None:
    (volume / "noise").write_bytes(os.urandom(200_000))
    write_backup(store, URI, source({("shop", "data"): volume}))
    started: list[subprocess.Popen[bytes]] = []
    start, ask = Crew._start, Crew._ask
    monkeypatch.setattr(Crew, "_start", lambda *given: started.append(start(*given)) or started[-1])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})

    def others() -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{started[0].pid}/task/{started[0].pid}/children").read_text().split()]

    forked: list[int] = []
    once = Lock()

    def doomed(crew: Crew, order: str) -> dict[str, object]:
        deadline = time.monotonic() + 10
        with once:  # several frames are asked for at a time
            while not forked and len(others()) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            if not forked:
                forked.extend(others())
                os.kill([started[0].pid, *forked][victim], signal.SIGKILL)
        return ask(crew, order)

    monkeypatch.setattr(Crew, "_ask", doomed)
    with pytest.raises(RestoreFailed, match=r"state\.tar\.zst: a process that unpacks it ended by itself"):
        open_backup(store, URI).restore_volumes(tmp_path / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["volume"]
    assert started[0].poll() is not None and len(forked) == 2
    deadline = time.monotonic() + 10  # whom the first does not wait for takes a moment to end
    while (left := [pid for pid in forked if any(Path(f"/proc/{pid}/fd").glob("*"))]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left == []


def test_who_stops_a_restore_leaves_no_process_and_no_file(
    store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume / "noise").write_bytes(os.urandom(50_000))
    write_backup(store, URI, source({("shop", "data"): volume}))
    started: list[subprocess.Popen[bytes]] = []
    start = Crew._start
    monkeypatch.setattr(Crew, "_start", lambda *given: started.append(start(*given)) or started[-1])

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_backup(store, URI).restore_volumes(tmp_path / "target", progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["volume"]
    assert started and all(worker.poll() is not None for worker in started)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("framed", [True, False])
def test_a_full_disk_is_said_and_left_as_it_was(store: S3, volume: Path, tiny_disk: Path, framed: bool) -> None:
    (volume / "noise").write_bytes(os.urandom(200_000))
    made = write_backup(store, URI, source({("shop", "data"): volume}))
    if not framed:
        rows = {name: row for name, row in made.artifacts.items() if name != "state.frames.json"}
        store.put(f"{URI}/metadata.json", replace(made, artifacts=rows).dump())
    with pytest.raises(RestoreFailed, match=r"No space left on device\); nothing was restored; give the disk more room"):
        open_backup(store, URI).restore_volumes(tiny_disk / "target")
    assert list(tiny_disk.iterdir()) == []


HEADERS = (
    tar((f"{V}/plain", FILE, b"content")),
    tar((f"{V}/timed", {**FILE, "pax_headers": {"mtime": "1234567890.123456789"}}, b"x")),
)


@example(header=HEADERS[0], changes={329: 1})  # a device's number that is none
@given(header=st.sampled_from(HEADERS), changes=st.dictionaries(st.integers(0, 1535), st.integers(0, 255), max_size=2))
def test_what_is_read_at_a_glance_is_what_careful_reading_finds(header: bytes, changes: dict[int, int]) -> None:
    raw = bytearray(header)
    for at, byte in changes.items():
        raw[at] = byte
    for begin in (0, 1024):  # the checksums of both headers made to fit again, so that all else is tried too
        block = raw[begin : begin + 512]
        raw[begin + 148 : begin + 156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 256)
    glance = plain_file(bytes(raw), 0)
    if glance is None:
        return
    source = Pull(iter([bytes(raw)]), "x")
    member = next_member(source, "x")
    assert member and member.kind is Kind.FILE and not member.xattrs
    assert glance == (member.name, member.mode, member.uid, member.gid, member.mtime, member.size, source.taken)


@pytest.mark.parametrize("header", HEADERS)
def test_the_usual_members_are_read_at_a_glance(header: bytes) -> None:
    assert plain_file(header, 0)
    assert plain_file(header, len(header) - 100) is None
