"""A second restore of the same backup changes nothing and says so; what has changed is named, and all starts clean."""

import os
from pathlib import Path
from typing import Any

import pytest

from relight.agent.alike import difference
from relight.view import restored as on_the_screen
from tests.agent.rig import Runner, make_order
from tests.agent.steps import answer, ask, restore

LEDGER = "volumes/ledger/state/ledger.db"


def again(runner: Runner, run_id: str = "run-2", **changes: Any) -> dict[str, Any]:
    """What another run's restore of the same backup answers."""
    runner.order(make_order(run_id, **changes))
    kind, found = ask(runner, "restore", 2)
    assert kind == "succeeded"
    return dict(found)


def test_a_second_restore_changes_nothing_and_says_so(runner: Runner) -> None:
    agent = restore(runner)
    _, first = answer(runner)
    before, inode = dict(runner.cluster.objects), (runner.data / LEDGER).stat().st_ino
    second = again(runner)
    agent.stop()
    assert runner.cluster.objects == before and not runner.cluster.deleted
    assert (runner.data / LEDGER).stat().st_ino == inode
    assert {fate for fate, number in second["counts"].items() if number} <= {"unchanged", "skipped"}
    assert first["earlier"] == "" and second["earlier"].startswith("stays")
    said = on_the_screen(second)
    assert "COMPLETE: nothing was changed; objects: " in said and "what an earlier restore left stays" in said
    assert "nothing was changed" not in on_the_screen(first)
    assert not list((runner.data / "staging").glob("*"))


def test_a_third_finds_it_as_the_second_left_it(runner: Runner) -> None:
    agent = restore(runner)
    answer(runner)
    again(runner)
    runner.order(make_order("run-3"))
    _, third = ask(runner, "restore", 3)
    agent.stop()
    assert third["earlier"].startswith("stays")


def written(runner: Runner) -> None:
    with (runner.data / LEDGER).open("ab") as file:
        file.write(b"a new order")


def added(runner: Runner) -> None:
    (runner.data / "volumes/ledger/state/journal").touch()


def lost(runner: Runner) -> None:
    (runner.data / LEDGER).unlink()


def beside(runner: Runner) -> None:
    runner.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stray", "namespace": "ledger"}})


CHANGES = {
    "the app wrote": (written, "ledger.db has changed since"),
    "the app wrote a new file": (added, "journal came since"),
    "a file was lost": (lost, "ledger.db is gone since"),
    "something else stands there": (beside, "Pod ledger/stray was not there then"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_changed_since_is_named_and_all_of_it_is_restored_anew(runner: Runner, what: str) -> None:
    change, why = CHANGES[what]
    agent = restore(runner)
    answer(runner)
    before = (runner.data / LEDGER).read_bytes()
    change(runner)
    second = again(runner)
    agent.stop()
    assert second["earlier"].startswith("was removed: ") and why in second["earlier"]
    assert why in on_the_screen(second)
    assert ("Namespace", "ledger") in runner.cluster.deleted and second["counts"]["unchanged"] == 0
    assert (runner.data / LEDGER).read_bytes() == before and not runner.cluster.names("Pod")
    assert not (runner.data / LEDGER).with_name("journal").exists()


def test_what_was_not_complete_is_restored_anew(runner: Runner) -> None:
    runner.cluster.refuse = {"settings"}
    agent = restore(runner)
    assert answer(runner)[1]["outcome"] == "PARTIAL"
    runner.cluster.refuse = set()
    second = again(runner)
    agent.stop()
    assert second["earlier"] == "was removed: it was of another plan, or not complete" and second["outcome"] == "COMPLETE"


def test_a_negative_control_never_takes_over_a_copy_nor_leaves_one(runner: Runner) -> None:
    agent = restore(runner, negative_control=True)
    answer(runner)
    second = again(runner)
    agent.stop()
    assert second["earlier"] == "was removed: a negative control has a copy of its own"


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("a", "b"):
        (tmp_path / name / "d").mkdir(parents=True)
        (tmp_path / name / "d/file").write_text("x")
        (tmp_path / name / "link").symlink_to("d/file")
    os.utime(tmp_path / "a/d/file", ns=(0, 0))
    os.utime(tmp_path / "b/d/file", ns=(0, 0))
    return tmp_path / "a", tmp_path / "b"


def test_trees_that_are_the_same_do_not_differ(trees: tuple[Path, Path]) -> None:
    assert difference(*trees) == ""


def test_every_difference_of_trees_is_seen(trees: tuple[Path, Path]) -> None:
    wanted, there = trees
    (there / "d/file").chmod(0o600)
    assert difference(wanted, there) == "d/file has changed since"
    (wanted / "d/file").chmod(0o600)
    (there / "d/file").write_text("y")
    os.utime(there / "d/file", ns=(0, 0))
    assert difference(wanted, there) == "d/file has changed since"  # size and time are as they were
    (there / "link").unlink()
    (there / "link").symlink_to("elsewhere")
    (there / "d/file").write_text("x")
    os.utime(there / "d/file", ns=(0, 0))
    assert difference(wanted, there) == "link has changed since"
    (there / "link").unlink()
    (there / "link").mkdir()
    assert difference(wanted, there) == "link has changed since"
    assert difference(wanted, there / "nowhere").startswith(". cannot be compared")
