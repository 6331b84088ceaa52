"""What the emulated cluster keeps on disk: every change, wherever the process was when it was killed."""

from pathlib import Path
from typing import Any

import pytest

from relight.local.cluster import journal
from relight.local.cluster.journal import Journal
from relight.local.cluster.store import Store

Obj = dict[str, Any]


def kept(directory: Path) -> tuple[Store, Journal]:
    store = Store()
    book = Journal(store, directory)
    book.open()
    return store, book


def put(store: Store, name: str, **data: str) -> None:
    store.put("configmaps", {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}, "data": data})


def content(store: Store) -> dict[str, Obj]:
    return {obj["metadata"]["name"]: obj["data"] for obj in store.objects("configmaps")}


def test_a_killed_process_has_kept_every_change(tmp_path: Path) -> None:
    store, _ = kept(tmp_path)
    put(store, "one", a="1")
    put(store, "one", a="2")
    put(store, "gone")
    store.remove("configmaps", "default", "gone")
    again, _ = kept(tmp_path)
    assert content(again) == {"one": {"a": "2"}} and again.version == store.version
    assert "uid-gone" not in again.uids


def test_a_change_that_was_cut_off_is_as_if_it_had_never_been_asked_for(tmp_path: Path) -> None:
    store, book = kept(tmp_path)
    put(store, "one")
    put(store, "two")
    text = book.changes.read_bytes()
    book.changes.write_bytes(text[:-9])
    again, _ = kept(tmp_path)
    assert content(again) == {"one": {}}
    put(again, "three")
    third, _ = kept(tmp_path)
    assert content(third) == {"one": {}, "three": {}}


def test_changes_that_a_snapshot_has_already_are_not_made_twice(tmp_path: Path) -> None:
    store, book = kept(tmp_path)
    put(store, "one", a="1")
    store.remove("configmaps", "default", "one")
    put(store, "one", a="2")
    old = book.changes.read_bytes()
    book.settle()
    book.changes.write_bytes(old)
    again, _ = kept(tmp_path)
    assert content(again) == {"one": {"a": "2"}} and again.version == store.version


def test_many_changes_become_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LARGEST", 2000)
    store, book = kept(tmp_path)
    for number in range(200):
        put(store, "one", a=str(number))
    assert book.changes.stat().st_size < 3000
    again, _ = kept(tmp_path)
    assert content(again) == {"one": {"a": "199"}}
