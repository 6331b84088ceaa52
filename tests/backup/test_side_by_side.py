"""Frames unpacked by several processes come to what reading in order would, or are read in order."""

import itertools
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.adapters.s3 import S3
from relight.backup import frames
from relight.backup.crew import Crew
from relight.backup.frames import Continued, Frame
from relight.backup.pull import Pull
from relight.backup.quick import plain_file
from relight.backup.reader import Backup, open_backup
from relight.backup.tarball import Kind, next_member
from relight.backup.writer import write_backup
from relight.errors import (
    ArchiveEscape,
    ArchiveLinkEscape,
    ArchiveTooLarge,
    ArchiveTypeChange,
    BackupError,
    DigestMismatch,
    RestoreFailed,
)
from tests.backup.conftest import (
    DIRECTORY,
    FILE,
    SOUND,
    URI,
    V,
    Workshop,
    compress,
    hardlink,
    refused,
    restored,
    snapshot,
    source,
    symlink,
    tar,
)


@pytest.fixture(autouse=True)
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "RAW", 4096)


@pytest.fixture
def never_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def state(_: Backup) -> Iterator[bytes]:
        pytest.fail("was read in order")

    monkeypatch.setattr(Backup, "state", state)


@pytest.fixture
def times_in_order(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    state = Backup.state
    monkeypatch.setattr(Backup, "state", lambda self: seen.append(1) or state(self))
    return seen


def test_all_that_a_volume_holds_comes_back(store: S3, volume: Path, tmp_path: Path, never_in_order: None) -> None:
    (volume / "noise").write_bytes(os.urandom(50_000))
    os.link(volume / "noise", volume / "zz-hard")
    os.link(volume / "inbox" / "7.json", volume / "aa-hard")
    with (volume / "sparse").open("wb") as file:
        for place in range(30):
            file.seek(place * 2**17)
            file.write(os.urandom(5000))
        file.truncate(2**24)
    (volume / "inbox" / "latest").symlink_to("../inbox/19.json")
    (volume / "closed").mkdir(mode=0o500)
    (volume / "run.sh").write_text("#!/bin/sh\n")
    (volume / "run.sh").chmod(0o4751)
    (volume / "nobody may").touch(mode=0)
    Path(os.fsdecode(os.fsencode(volume) + b"/caf\xe9")).write_bytes(os.urandom(9000))
    (volume / ("n" * 255)).write_text("long name")
    os.utime(volume / "noise", ns=(0, 1_234_567_890_123_456_789))
    before = snapshot(volume)

    write_backup(store, URI, source({("shop", "data"): volume}))

    data = restored(store, tmp_path / "target")
    assert snapshot(data) == before
    if (volume / "sparse").stat().st_blocks * 512 < 2**20:
        assert (data / "sparse").stat().st_blocks * 512 < 2**20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["target", "volume"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_every_owner_comes_back(store: S3, volume: Path, tmp_path: Path, never_in_order: None) -> None:
    (volume / "big").write_bytes(os.urandom(20_000))
    (volume / "inbox" / "latest").symlink_to("19.json")
    for number, path in enumerate(sorted(volume.rglob("*"))):
        os.chown(path, 1000 + number, 2000 + number, follow_symlinks=False)
    (volume / "inbox" / "3.json").chmod(0o6755)

    write_backup(store, URI, source({("shop", "data"): volume}))

    def owners(root: Path) -> dict[str, tuple[int, int, int]]:
        return {
            str(path.relative_to(root)): (path.lstat().st_uid, path.lstat().st_gid, path.lstat().st_mode)
            for path in root.rglob("*")
        }

    assert owners(restored(store, tmp_path / "target")) == owners(volume)


def test_the_stats_are_those_of_reading_in_order(
    store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume / "noise").write_bytes(os.urandom(50_000))
    write_backup(store, URI, source({("shop", "data"): volume}))
    heard: list[int] = []
    side_by_side = open_backup(store, URI).restore_volumes(tmp_path / "a", progress=heard.append)
    monkeypatch.setattr(Backup, "frames", lambda _: None)
    in_order = open_backup(store, URI).restore_volumes(tmp_path / "b")
    assert replace(side_by_side, index=None) == replace(in_order, index=None)
    assert len(heard) > 10 and heard == sorted(heard)


def plant(workshop: Workshop, raw: bytes, cuts: dict[int, Continued | None]) -> None:
    """The raw tar in frames that begin at 0 and at ``cuts``."""
    stored, made = b"", []
    places = [0, *cuts, len(raw)]
    for begin, end in itertools.pairwise(places):
        data = compress(raw[begin:end])
        made.append(Frame(len(stored), len(data), end - begin, sha256(data).hexdigest(), cuts.get(begin)))
        stored += data
    workshop.plant(stored, made)


def test_content_that_looks_like_a_tar_is_not_taken_for_one(
    workshop: Workshop, target: Path, times_in_order: list[int]
) -> None:
    inner = tar(("volumes/shop/data/planted", FILE, b"x"))
    raw = tar((f"{V}/backup.tar", FILE, inner))
    plant(workshop, raw, {512: None})

    open_backup(workshop.store, URI).restore_volumes(target)

    assert [path.name for path in (target / V).iterdir()] == ["backup.tar"]
    assert (target / V / "backup.tar").read_bytes() == inner
    assert times_in_order


def test_padding_that_looks_like_a_member_is_not_taken_for_one(
    workshop: Workshop, target: Path, times_in_order: list[int]
) -> None:
    plant(workshop, tar((f"{V}/file", FILE, b"x" * 100)), {612: None})
    open_backup(workshop.store, URI).restore_volumes(target)
    assert (target / V / "file").read_bytes() == b"x" * 100
    assert times_in_order


LIES: dict[str, Any] = {
    "nothing": None,
    "another member": Continued(512, ((4096, 1904),)),
    "another place": Continued(0, ((0, 1904),)),
    "less": Continued(0, ((4096, 1000),)),
    "more": Continued(0, ((4096, 5000),)),
    "negative": Continued(0, ((4096, -5),)),
    "in parts": Continued(0, ((4096, 1000), (5096, 904))),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_table_that_says_wrongly_what_a_frame_begins_with_changes_nothing(
    workshop: Workshop, target: Path, times_in_order: list[int], lie: str
) -> None:
    content = os.urandom(6000)
    plant(workshop, tar((f"{V}/big", FILE, content), SOUND), {512 + 4096: LIES[lie]})

    open_backup(workshop.store, URI).restore_volumes(target)

    assert (target / V / "big").read_bytes() == content
    assert sorted(path.name for path in (target / V).iterdir()) == ["big", "file"]
    assert times_in_order


def test_a_table_that_says_rightly_what_a_frame_begins_with_is_believed(
    workshop: Workshop, target: Path, never_in_order: None
) -> None:
    content = os.urandom(6000)
    plant(workshop, tar((f"{V}/big", FILE, content), SOUND), {4608: Continued(0, ((4096, 1904),))})
    open_backup(workshop.store, URI).restore_volumes(target)
    assert (target / V / "big").read_bytes() == content


def test_a_file_that_occurs_twice_counts_as_the_later(workshop: Workshop, target: Path) -> None:
    plant(workshop, tar(SOUND, (f"{V}/file", FILE, b"later")), {1024: None})
    open_backup(workshop.store, URI).restore_volumes(target)
    assert (target / V / "file").read_text() == "later"


def test_a_cut_file_that_occurs_twice_counts_as_the_later(workshop: Workshop, target: Path) -> None:
    first, second = os.urandom(6000), os.urandom(6000)
    raw = tar((f"{V}/big", FILE, first), (f"{V}/big", FILE, second))
    plant(workshop, raw, {4608: Continued(0, ((4096, 1904),)), 6656 + 4608: Continued(6656, ((4096, 1904),))})
    open_backup(workshop.store, URI).restore_volumes(target)
    assert (target / V / "big").read_bytes() == second


HOSTILE: dict[str, tuple[type[BackupError], tuple[Any, ...]]] = {
    "name": (ArchiveEscape, (("../../outside", FILE, b"x"),)),
    "link": (ArchiveLinkEscape, ((f"{V}/link", symlink("/etc")),)),
    "links together": (ArchiveLinkEscape, (("a/b/c/up", symlink("../../..")), ("out", symlink("a/b/c/up/../outside")))),
    "through a link": (ArchiveTypeChange, ((f"{V}/l", symlink("..")), (f"{V}/l/evil", FILE, b"x"))),
    "below a file": (ArchiveTypeChange, ((f"{V}/file/below", FILE, b"x"),)),
    "directory over a file": (ArchiveTypeChange, ((f"{V}/file", DIRECTORY),)),
    "hard link out": (ArchiveLinkEscape, ((f"{V}/link", hardlink("../../outside")),)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_member_in_a_frame_of_its_own_is_refused_by_its_own_error(
    workshop: Workshop, target: Path, name: str
) -> None:
    kind, members = HOSTILE[name]
    plant(workshop, tar(SOUND, *members), {1024: None, 1536: None} if len(members) > 1 else {1024: None})
    refused(workshop, target, kind)


def test_a_file_larger_than_the_limit_is_never_made(workshop: Workshop, target: Path) -> None:
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": str(2**50)}
    member = ("x", {"type": tarfile.REGTYPE, "pax_headers": sparse}, b"0\n" + bytes(510))
    plant(workshop, tar(SOUND, member), {1024: None})
    assert "holds more bytes than the limit" in refused(workshop, target, ArchiveTooLarge)


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

    def doomed(crew: Crew) -> subprocess.Popen[bytes]:
        started.append(start(crew))
        started[-1].send_signal(signal.SIGKILL)
        return started[-1]

    monkeypatch.setattr(Crew, "_start", doomed)
    with pytest.raises(RestoreFailed, match=r"state\.tar\.zst: a process that unpacks it ended by itself"):
        open_backup(store, URI).restore_volumes(tmp_path / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["volume"]
    assert started and all(worker.poll() is not None for worker in started)


def test_who_stops_a_restore_leaves_no_process_and_no_file(
    store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume / "noise").write_bytes(os.urandom(50_000))
    write_backup(store, URI, source({("shop", "data"): volume}))
    started: list[subprocess.Popen[bytes]] = []
    start = Crew._start
    monkeypatch.setattr(Crew, "_start", lambda crew: started.append(start(crew)) or started[-1])

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
