"""Our archives in the hands of the standard tools, and theirs in ours."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from relight.adapters.s3 import S3
from relight.backup.reader import open_backup
from relight.backup.writer import write_backup
from tests.backup.conftest import URI, Workshop, snapshot, source

pytestmark = pytest.mark.skipif(not (shutil.which("zstd") and shutil.which("tar")), reason="needs zstd and tar")


@pytest.fixture
def rich(volume: Path) -> Path:
    """A volume with what tars differ about."""
    with (volume / "sparse").open("wb") as file:
        for place in range(1, 40):  # more parts than an old GNU header has room for
            file.seek(place * 2**17)
            file.write(b"data")
        file.truncate(2**23)
    os.link(volume / "orders.db", volume / "zz-hard")
    (volume / "inbox" / "latest").symlink_to("19.json")
    (volume / ("n" * 200)).write_text("long")
    (volume / "inbox" / "far").symlink_to("/".join(["x" * 60] * 3))
    (volume / "empty").mkdir(mode=0o711)
    (volume / "ä ö").write_text("x")
    return volume


def pack(volume: Path, *options: str) -> bytes:
    command = ["tar", "-c", *options, "--transform", "s,^\\./,volumes/shop/data/,rSh", "-C", str(volume), "."]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return subprocess.run(["zstd", "-q", "-c"], input=raw, check=True, capture_output=True).stdout


def test_zstd_and_tar_read_what_we_write(store: S3, rich: Path, tmp_path: Path) -> None:
    write_backup(store, URI, source({("shop", "data"): rich}))
    (tmp_path / "out").mkdir()
    for name in ("state.tar.zst", "manifests.tar.zst"):
        (tmp_path / name).write_bytes(store.get(f"{URI}/{name}"))
        script = f"set -o pipefail; zstd -q -t {name} && zstd -q -d -c {name} | tar -x -p -C out"
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    assert snapshot(tmp_path / "out" / "volumes" / "shop" / "data") == snapshot(rich)
    assert (tmp_path / "out" / "index.jsonl").read_bytes().count(b"\n") == len(list(rich.rglob("*"))) + 1
    assert (tmp_path / "out/manifests/shop/ConfigMap/shop.yaml").exists()


@pytest.mark.parametrize(
    ("form", "sparse"),
    [("gnu", True), ("gnu", False), ("oldgnu", True), ("posix", True), ("posix", False), ("ustar", False)],
)
def test_we_read_what_gnu_tar_writes(workshop: Workshop, rich: Path, tmp_path: Path, form: str, sparse: bool) -> None:
    if form == "ustar":
        (rich / "inbox" / "far").unlink()  # names it cannot hold
        (rich / ("n" * 200)).unlink()
    workshop.plant(pack(rich, f"--format={form}", *(["-S"] if sparse else [])))

    stats = open_backup(workshop.store, URI).restore_volumes(tmp_path / "target")

    restored, exact = tmp_path / "target" / "volumes" / "shop" / "data", form == "posix"
    before, after = snapshot(rich, times=exact), snapshot(restored, times=exact)
    assert after | {".": None} == before | {".": None}  # the transformation leaves the root out
    assert stats.index is None
    if sparse:
        assert (restored / "sparse").stat().st_blocks <= (rich / "sparse").stat().st_blocks


def test_we_read_a_stream_that_many_threads_compressed(workshop: Workshop, rich: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw.tar"
    (rich / "noise").write_bytes(os.urandom(3 * 2**20))
    subprocess.run(["tar", "-c", "-f", str(raw), "-C", str(rich), "."], check=True)
    stored = subprocess.run(
        ["zstd", "-q", "-T2", "-19", "--long=27", "-c", str(raw)], check=True, capture_output=True
    ).stdout
    workshop.plant(stored)
    open_backup(workshop.store, URI).restore_volumes(tmp_path / "target")
    assert snapshot(tmp_path / "target", times=False).keys() == snapshot(rich, times=False).keys()


def test_a_foreign_backup_restores(workshop: Workshop, rich: Path, tmp_path: Path) -> None:
    workshop.plant(pack(rich), schema_version=0, volumes=())
    assert open_backup(workshop.store, URI).restore_volumes(tmp_path / "target").files > 20
