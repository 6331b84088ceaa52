"""Frames unpacked by several processes come to what reading in order would, or are read in order."""

import itertools
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from relight.adapters.s3 import S3
from relight.backup import frames
from relight.backup.frames import Continued, Frame
from relight.backup.reader import Backup, open_backup
from relight.backup.writer import write_backup
from relight.errors import (
    ArchiveEscape,
    ArchiveLinkEscape,
    ArchiveTooLarge,
    ArchiveTypeChange,
    BackupError,
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

pytestmark = pytest.mark.slow


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
