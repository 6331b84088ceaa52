"""What is backed up comes back: byte for byte, name for name."""

import json
import os
import time
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relight.adapters.s3 import S3
from relight.backup import frames, index
from relight.backup.metadata import Metadata
from relight.backup.reader import open_backup
from relight.backup.verify import verify
from relight.backup.writer import write_backup
from tests.backup.conftest import STORAGE, URI, restored, snapshot, source


def test_a_volume_comes_back_as_it_was(store: S3, volume: Path, tmp_path: Path) -> None:
    (volume / "empty").mkdir(mode=0o711)
    (volume / "run.sh").write_text("#!/bin/sh\n")
    (volume / "run.sh").chmod(0o4751)
    (volume / ("n" * 255)).write_text("long name")
    deep = volume / "/".join(["a long part of a path"] * 20)
    deep.mkdir(parents=True)
    (deep / "leaf").write_text("deep")
    Path(os.fsdecode(os.fsencode(volume) + b"/caf\xe9")).write_text("a name that is not UTF-8")
    (volume / "two\nlines").write_text("")
    os.link(volume / "orders.db", volume / "inbox" / "hard")
    (volume / "inbox" / "latest").symlink_to("19.json")
    (volume / "inbox" / "database").symlink_to("../orders.db")
    (volume / "dangling").symlink_to("not/there")
    os.utime(volume / "orders.db", ns=(0, 1_234_567_890_123_456_789))
    os.utime(volume / "empty", ns=(0, 987_654_321_000_000_001))
    before = snapshot(volume)

    write_backup(store, URI, source({("shop", "data"): volume}))

    assert snapshot(restored(store, tmp_path / "target")) == before
    assert verify(store, URI, deep=True) == []


def test_holes_stay_holes(store: S3, volume: Path, tmp_path: Path) -> None:
    with (volume / "sparse").open("wb") as file:
        file.seek(3 * 2**20)
        file.write(b"data between two holes")
        file.truncate(100 * 2**20)
    with (volume / "nothing but a hole").open("wb") as file:
        file.truncate(2**20)
    if (volume / "sparse").stat().st_blocks * 512 > 2**20:
        pytest.skip("this file system keeps no holes")

    metadata = write_backup(store, URI, source({("shop", "data"): volume}))
    data = restored(store, tmp_path / "target")

    assert snapshot(data) == snapshot(volume)
    assert (data / "sparse").stat().st_blocks * 512 < 2**20
    assert metadata.artifacts["state.tar.zst"].bytes < 2**20
    assert metadata.volumes[0].bytes > 101 * 2**20
    assert verify(store, URI, deep=True) == []


def test_a_file_larger_than_a_frame_is_cut_and_comes_back(
    store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "RAW", 4096)
    (volume / "noise").write_bytes(os.urandom(100_000))
    os.link(volume / "noise", volume / "zz-hard")

    write_backup(store, URI, source({("shop", "data"): volume}))

    table = json.loads(store.get(f"{URI}/state.frames.json"))
    assert len(table["frames"]) > 25
    assert snapshot(restored(store, tmp_path / "target")) == snapshot(volume)


def test_an_archive_without_frames_comes_back_too(store: S3, sound: Metadata, volume: Path, tmp_path: Path) -> None:
    without = {name: row for name, row in json.loads(sound.dump())["artifacts"].items() if name != "state.frames.json"}
    store.put(f"{URI}/metadata.json", json.dumps(json.loads(sound.dump()) | {"artifacts": without}).encode())

    assert snapshot(restored(store, tmp_path / "target")) == snapshot(volume)
    assert verify(store, URI, deep=True) == []


def test_the_stats_and_the_index_say_what_was_restored(store: S3, volume: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "one").write_text("1")
    write_backup(store, URI, source({("shop", "data"): volume, ("shop", "cache"): other}))
    heard: list[int] = []

    stats = open_backup(store, URI).restore_volumes(tmp_path / "target", progress=heard.append)

    size = sum(path.stat().st_size for path in volume.rglob("*") if path.is_file())
    assert [(size.claim, size.files, size.bytes) for size in stats.volumes] == [("cache", 1, 1), ("data", 21, size)]
    assert (stats.files, stats.bytes) == (22, size + 1)
    assert heard and heard == sorted(heard)
    assert stats.index == tmp_path / "target" / "index.jsonl"
    assert index.digests(tmp_path / "target")["volumes/shop/cache/one"] == sha256(b"1").hexdigest()
    first = next(index.read_index(tmp_path / "target"))
    assert (first.path, first.type, first.mode) == (
        "volumes/shop/cache",
        "directory",
        f"{other.stat().st_mode & 0o7777:04o}",
    )


def test_equal_trees_make_equal_archives(store: S3, volume: Path) -> None:
    first = write_backup(store, f"{STORAGE}/backups/a", source({("shop", "data"): volume}, backup_id="a"))
    second = write_backup(store, f"{STORAGE}/backups/b", source({("shop", "data"): volume}, backup_id="b"))

    assert first.artifacts == second.artifacts


NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 250
)
NODES = st.one_of(
    st.binary(max_size=3000),
    st.sampled_from([0o600, 0o644, 0o755]),
    st.just("link"),
    st.integers(10_000, 200_000).map(float),
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(st.tuples(NAMES, NAMES), NODES, max_size=12), moment=st.integers(0, 2**31 * 10**9))
def test_any_tree_comes_back(
    store: S3, tree: dict[tuple[str, str], object], moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "RAW", 4096)
    backup_id = sha256(f"{time.monotonic_ns()}".encode()).hexdigest()[:16]
    uri = f"{STORAGE}/backups/{backup_id}"
    with TemporaryDirectory() as place:
        root = Path(place, "volume")
        root.mkdir()
        for (folder, name), node in tree.items():
            _plant(root / folder, name, node, moment)
        before = snapshot(root)
        write_backup(store, uri, source({("shop", "data"): root}, backup_id=backup_id))

        assert snapshot(restored(store, Path(place, "target"), uri)) == before
        assert verify(store, uri, deep=True) == []


def _plant(folder: Path, name: str, node: object, moment: int) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    if isinstance(node, bytes):
        path.write_bytes(node)
    elif isinstance(node, int):
        path.mkdir(mode=node | 0o700)
    elif isinstance(node, str):
        path.symlink_to("../" + folder.name)
        return
    elif isinstance(node, float):
        with path.open("wb") as file:
            file.seek(int(node))
            file.write(b"end")
    os.utime(path, ns=(moment, moment))


def test_extended_attributes_of_the_app_come_back(
    store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"user.colour": b"blue", "user.a=b%c": b"\xff\0\n=", "user.empty": b""}
    (volume / "big").write_bytes(os.urandom(20_000))
    try:
        for name in ("orders.db", "inbox", "big"):
            for key, value in given.items():
                os.setxattr(volume / name, key, value)
    except OSError:
        pytest.skip("this file system keeps no extended attributes")
    before = snapshot(volume)
    for number, size in enumerate((frames.RAW, 4096)):  # read in order, and side by side
        monkeypatch.setattr(frames, "RAW", size)
        uri = f"{STORAGE}/backups/{number}"
        write_backup(store, uri, source({("shop", "data"): volume}, backup_id=f"{number}"))
        data = restored(store, tmp_path / f"target{number}", uri)
        assert snapshot(data) == before
        for name in ("orders.db", "inbox", "big"):
            assert {key: os.getxattr(data / name, key) for key in os.listxattr(data / name)} == given
        assert verify(store, uri, deep=True) == []


def test_times_before_1970_come_back(store: S3, volume: Path, tmp_path: Path) -> None:
    os.utime(volume / "orders.db", ns=(0, -1_500_000_000))
    os.utime(volume / "inbox", ns=(0, -(10**9)))
    write_backup(store, URI, source({("shop", "data"): volume}))
    assert snapshot(restored(store, tmp_path / "target")) == snapshot(volume)
