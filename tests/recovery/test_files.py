"""``files`` and the negative control: bytes on disk against the backup's index."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from relight.config import Validator
from relight.model import Check, Verdict
from relight.recovery.damage import damage_files, damage_objects
from relight.recovery.validators import ValidationContext, files, run, unnoticed
from relight.recovery.validators.files import Entry, sample
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import config, cronjob, deployment

ALL = Validator(name="bytes", kind="files", deadline=10)
JOB = Validator(name="nightly", kind="job", cronjob="nightly")
READY = Validator(name="ready", kind="ready")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A restored volume of forty files, a directory and a link, with its index."""
    home = tmp_path / "volumes/shop/ledger"
    (home / "deep").mkdir(parents=True)
    lines: list[dict[str, object]] = [{"path": "volumes/shop/ledger/deep", "type": "directory"}]
    for number in range(40):
        path = home / "deep" / f"{number:02}.txt"
        path.write_bytes(f"content of {number}\n".encode() * (number + 1))
        lines.append(entry(path, tmp_path))
    (home / "latest").symlink_to("deep/39.txt")
    lines.append({"path": "volumes/shop/ledger/latest", "type": "symlink", "target": "deep/39.txt"})
    (tmp_path / "index.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def entry(path: Path, root: Path) -> dict[str, object]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"path": str(path.relative_to(root)), "type": "file", "bytes": len(content), "sha256": digest, "mode": "0644"}


def check(data: Path, share: float = 1.0, run_id: str = "run-1", deadline: int = 10) -> Check:
    context = ValidationContext(cluster=FakeCluster(), namespace="shop", run_id=run_id, data_dir=data)
    return run(Validator(name="bytes", kind="files", share=share, deadline=deadline), context)


def some_file(data: Path) -> Path:
    return data / "volumes/shop/ledger/deep/07.txt"


def test_every_file_is_as_the_index_lists_it(data: Path) -> None:
    found = check(data)
    assert found.verdict == Verdict.PASSED and "all 41 files" in found.detail
    assert found.evidence["checked"] == found.evidence["indexed"] == 41


def test_what_the_app_writes_as_soon_as_it_runs_can_be_left_out_and_that_is_said(data: Path) -> None:
    flip(some_file(data))
    context = ValidationContext(cluster=FakeCluster(), namespace="shop", run_id="r", data_dir=data)
    found = run(Validator(name="bytes", kind="files", exclude=("*/07.txt",)), context)
    assert found.verdict == Verdict.PASSED and "all 40 (and 1 excluded) files" in found.detail
    assert run(Validator(name="bytes", kind="files", exclude=("*",)), context).verdict == Verdict.COULD_NOT_VERIFY


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


HARMS: dict[str, Any] = {
    "has other content": flip,
    "bytes instead of": lambda path: path.write_bytes(b"short"),
    "is missing": Path.unlink,
    "is not a file": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("said", HARMS)
def test_one_wrong_file_fails_and_is_named(data: Path, said: str) -> None:
    HARMS[said](some_file(data))
    found = check(data)
    assert found.verdict == Verdict.FAILED and said in found.detail and "deep/07.txt" in found.detail
    assert found.evidence["wrong"] == 1


def test_a_link_that_points_elsewhere_fails(data: Path) -> None:
    link = data / "volumes/shop/ledger/latest"
    link.unlink()
    link.symlink_to("deep/00.txt")
    assert "points elsewhere" in check(data).detail


def test_a_file_replaced_by_a_link_to_the_same_bytes_fails(data: Path) -> None:
    path = some_file(data)
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))
    assert check(data).verdict == Verdict.FAILED


# ---------------------------------------------------------------- samples
def test_a_sample_says_which_share_it_looked_at(data: Path) -> None:
    found = check(data, share=0.25)
    assert found.verdict == Verdict.PASSED and "11 of 41 (25%)" in found.detail
    assert found.evidence | {"checked": 11, "share": 0.25, "seed": "run-1"} == found.evidence


def test_the_same_run_draws_the_same_sample_and_another_run_another() -> None:
    entries = [Entry(path=f"f{i}", type="file") for i in range(100)]
    assert sample(entries, 0.1, "a") == sample(list(entries), 0.1, "a") != sample(entries, 0.1, "b")
    assert len(sample(entries, 0.001, "a")) == 1 and sample(entries, 1.0, "a") == entries


# ---------------------------------------------------------------- what cannot be checked did not pass
@pytest.mark.parametrize(
    ("index", "said"),
    [
        (None, "no index.jsonl"),
        ("", "lists no file"),
        ('{"path": "volumes/shop/ledger/deep", "type": "directory"}\n', "lists no file"),
        ("{half", "cannot be read"),
        ('["not", "an", "entry"]\n', "cannot be read"),
        ('{"type": "file"}\n', "cannot be read"),
        ('{"path": "../../etc/passwd", "type": "file", "bytes": 1, "sha256": "x"}\n', "outside"),
        ('{"path": "/etc/passwd", "type": "file", "bytes": 1, "sha256": "x"}\n', "outside"),
    ],
)
def test_without_a_usable_index_nothing_is_verified(data: Path, index: str | None, said: str) -> None:
    (data / "index.jsonl").unlink()
    if index is not None:
        (data / "index.jsonl").write_text(index)
    found = check(data)
    assert found.verdict == Verdict.COULD_NOT_VERIFY and said in found.detail


def test_too_little_time_is_timed_out_not_passed(data: Path) -> None:
    assert check(data, deadline=0).verdict == Verdict.TIMED_OUT


def test_names_that_are_no_text_are_checked_and_shown(data: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(data / "volumes/shop/ledger") + b"/\xff.txt"))
    odd.write_bytes(b"odd")
    with (data / "index.jsonl").open("a") as index:
        index.write(json.dumps(entry(odd, data)) + "\n")
    assert check(data).verdict == Verdict.PASSED
    odd.write_bytes(b"harmed")
    assert "\ufffd.txt" in check(data).detail


def test_a_files_check_follows_no_link_out_of_the_volume(data: Path) -> None:
    assert files._outside("a/../../b") and files._outside("/a") and not files._outside("a/b..c")


# ---------------------------------------------------------------- negative control
def test_damage_is_seen_even_by_a_small_sample(data: Path) -> None:
    done = damage_files(data / "volumes", (ALL,))
    assert len(done) == 40
    assert unnoticed((check(data, share=0.03),)) == ()


def test_the_same_copy_is_damaged_in_the_same_way_and_keeps_its_times(data: Path) -> None:
    before = some_file(data).read_bytes(), some_file(data).stat().st_mtime_ns
    first = damage_files(data / "volumes", (ALL,))
    assert some_file(data).read_bytes() != before[0] and some_file(data).stat().st_mtime_ns == before[1]
    assert damage_files(data / "volumes", (ALL,)) == first
    assert some_file(data).read_bytes() == before[0]  # twice inverted: it never depends on chance


def test_a_file_with_two_names_is_damaged_once(data: Path) -> None:
    os.link(some_file(data), data / "volumes/shop/ledger/twin")
    damage_files(data / "volumes", (ALL,))
    assert check(data).evidence["wrong"] == 40


def test_each_validator_gets_something_to_notice(data: Path) -> None:
    cluster = FakeCluster()
    for item in (config(), cronjob(), deployment()):
        cluster.put(item)
    done = damage_objects(cluster, "shop", (JOB, READY))
    assert len(cluster.one("ConfigMap", "settings")["data"]) == 1 and not cluster.has("Deployment", "web")
    assert cluster.has("CronJob", "nightly")
    assert done[-1] == "Deployment web deleted" and "dropped" in done[-2]


def test_an_immutable_config_is_left_alone_and_a_checked_cronjob_stays(data: Path) -> None:
    cluster = FakeCluster()
    for item in (config() | {"immutable": True}, cronjob(), cronjob("weekly")):
        cluster.put(item)
    assert damage_objects(cluster, "shop", (JOB, READY)) == ("CronJob weekly deleted",)
    assert damage_files(data / "volumes", (JOB,)), "the job still has damaged data to notice"


def test_damage_follows_no_link_out_of_the_volumes_and_spares_no_empty_file(data: Path) -> None:
    outside = data / "production"
    outside.mkdir()
    (outside / "file").write_bytes(b"production")
    home = data / "volumes/shop/ledger"
    (home / "out").symlink_to(outside)
    (home / "direct").symlink_to(outside / "file")
    (home / "dangling").symlink_to("nowhere")
    (home / "empty").touch()
    assert len(damage_files(data / "volumes", (ALL,))) == 41
    assert (outside / "file").read_bytes() == b"production" and (home / "empty").read_bytes()


def test_without_validators_nothing_is_damaged(data: Path) -> None:
    assert damage_files(data / "volumes", ()) == damage_objects(FakeCluster(), "shop", ()) == ()
    assert check(data).verdict == Verdict.PASSED
