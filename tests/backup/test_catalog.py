"""Which backups there are, and which one a run takes."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relight.adapters.s3 import S3
from relight.backup.catalog import list_backups, select
from relight.backup.writer import write_backup
from relight.errors import BackupNotFound, DigestMismatch, NoUsableBackup, RequestInvalid
from relight.model import Audit, BackupState, CatalogEntry
from tests.backup.conftest import STORAGE, source


@pytest.fixture
def catalog(store: S3, volume: Path) -> S3:
    """Four backups: made in the order a, c, b; and one that was never finished."""
    for backup_id, day in (("a", 1), ("b", 3), ("c", 2)):
        given = source({("shop", "data"): volume}, backup_id=backup_id, created_at=f"2026-11-0{day}T03:00:00Z")
        write_backup(store, f"{STORAGE}/backups/{backup_id}", given)
    store.put(f"{STORAGE}/backups/unfinished/state.tar.zst", b"half")
    store.put(f"{STORAGE}/backups/stray", b"no backup")
    store.put(f"{STORAGE}/backups-other/x/metadata.json", b"another app's")
    return store


def damage(store: S3, backup_id: str, name: str) -> None:
    data = store.get(f"{STORAGE}/backups/{backup_id}/{name}")
    store.put(f"{STORAGE}/backups/{backup_id}/{name}", b"?" * len(data))


def proven(backup_id: str) -> CatalogEntry:
    uri = f"{STORAGE}/backups/{backup_id}"
    return CatalogEntry(app="shop", backup_id=backup_id, uri=uri, proven_by="drill-1", proven_at="2026-11-04T04:00:00Z")


def test_the_list_is_newest_first_and_hides_nothing(catalog: S3) -> None:
    damage(catalog, "a", "metadata.json")
    found = list_backups(catalog, f"{STORAGE}/")
    assert [(one.backup_id, one.committed, one.created_at) for one in found] == [
        ("b", True, "2026-11-03T03:00:00Z"),
        ("c", True, "2026-11-02T03:00:00Z"),
        ("a", True, None),
        ("unfinished", False, None),
    ]
    assert "is not JSON" in found[2].problem and "never finished" in found[3].problem
    assert found[3].bytes == 4 and found[0].app == "shop" and found[0].uri == f"{STORAGE}/backups/b"


def test_the_latest_valid_backup_is_taken(catalog: S3) -> None:
    selected = select(catalog, STORAGE)
    assert (selected.backup_id, selected.created_at, selected.passed_over) == ("b", "2026-11-03T03:00:00Z", ())
    assert selected.metadata.app == "shop" and len(selected.metadata_sha256) == 64


def test_a_damaged_backup_is_passed_over_and_said_why(catalog: S3) -> None:
    damage(catalog, "b", "manifests.tar.zst")
    selected = select(catalog, STORAGE)
    assert selected.backup_id == "c"
    assert [one.uri for one in selected.passed_over] == [f"{STORAGE}/backups/b"]
    assert "manifests.tar.zst: its sha256 is" in selected.passed_over[0].why


def test_from_a_bad_backup_it_falls_back_to_the_last_proven_one_and_names_what_is_passed_over(catalog: S3) -> None:
    damage(catalog, "b", "manifests.tar.zst")
    selected = select(catalog, STORAGE, known=[proven("a")])
    assert selected.backup_id == "a"
    assert [one.uri[-1] for one in selected.passed_over] == ["b", "c"]
    assert "sha256" in selected.passed_over[0].why
    assert "no run has proven it" in selected.passed_over[1].why


def test_what_the_catalog_found_damaged_is_not_taken_until_an_object_changes(catalog: S3) -> None:
    listed = list_backups(catalog, STORAGE)[0]
    bad = Audit(state=BackupState.INVALID, fingerprint=listed.fingerprint, reason="frame 3 is not what was written")
    entry = CatalogEntry(app="shop", backup_id="b", uri=listed.uri, audit=bad, checked_at="2026-11-04T03:00:00Z")
    selected = select(catalog, STORAGE, known=[entry])
    assert selected.backup_id == "c"
    assert "the catalog found it damaged at 2026-11-04T03:00:00Z: frame 3" in selected.passed_over[0].why
    catalog.put(f"{listed.uri}/notes", b"an object more")
    assert select(catalog, STORAGE, known=[entry]).backup_id == "b"


def valid(store: S3, backup_id: str) -> CatalogEntry:
    (listed,) = (one for one in list_backups(store, STORAGE) if one.backup_id == backup_id)
    good = Audit(state=BackupState.VALID, fingerprint=listed.fingerprint)
    return CatalogEntry(app="shop", backup_id=backup_id, uri=listed.uri, audit=good)


def test_one_whose_objects_changed_since_it_was_read_is_the_last_resort(catalog: S3) -> None:
    known = [valid(catalog, backup_id) for backup_id in "abc"]
    damage(catalog, "b", "state.tar.zst")  # as deep as a plan does not look
    for wanted in ("latest_valid", "random"):
        assert select(catalog, STORAGE, wanted, known=known).backup_id != "b"
    selected = select(catalog, STORAGE, known=known)
    assert selected.backup_id == "c"
    assert [(one.uri[-1], "changed since every byte was proven" in one.why) for one in selected.passed_over] == [("b", True)]
    for backup_id in "ac":
        catalog.delete(f"{STORAGE}/backups/{backup_id}/metadata.json")
    assert select(catalog, STORAGE, known=known).backup_id == "b"  # better than none: the restore proves its bytes


def test_a_random_backup_of_a_window_is_one_of_its_days(catalog: S3) -> None:
    at = datetime(2026, 11, 4, tzinfo=UTC)
    taken = {select(catalog, STORAGE, "random:2", seed=str(seed), at=at).backup_id for seed in range(12)}
    assert taken == {"b", "c"}
    assert {select(catalog, STORAGE, "random", seed=str(seed), at=at).backup_id for seed in range(12)} == {"a", "b", "c"}
    with pytest.raises(RequestInvalid, match="random:0"):
        select(catalog, STORAGE, "random:0")


def test_damage_deep_inside_is_passed_over_when_asked_to_look(catalog: S3) -> None:
    damage(catalog, "b", "state.tar.zst")
    assert select(catalog, STORAGE).backup_id == "b"
    assert select(catalog, STORAGE, deep=True).backup_id == "c"


def test_when_no_backup_is_usable_the_error_says_why_of_each(catalog: S3) -> None:
    for backup_id in "abc":
        damage(catalog, backup_id, "state.frames.json")
    with pytest.raises(NoUsableBackup) as caught:
        select(catalog, STORAGE)
    assert all(f"{STORAGE}/backups/{backup_id}: " in str(caught.value) for backup_id in "abc")
    with pytest.raises(NoUsableBackup, match="there is none to choose from"):
        select(catalog, "s3://shop-backups/nobody")


def test_the_latest_proven_backup_is_taken(catalog: S3) -> None:
    assert select(catalog, STORAGE, "latest_proven", known=[proven("a"), proven("c")]).backup_id == "c"
    with pytest.raises(NoUsableBackup):
        select(catalog, STORAGE, "latest_proven")


def test_a_random_backup_depends_on_the_seed_alone(catalog: S3) -> None:
    taken = [select(catalog, STORAGE, "random", seed=f"run-{number}").backup_id for number in range(12)]
    assert taken == [select(catalog, STORAGE, "random", seed=f"run-{number}").backup_id for number in range(12)]
    assert set(taken) == {"a", "b", "c"}


def test_a_named_backup_is_taken_or_its_own_error_raised(catalog: S3) -> None:
    assert select(catalog, STORAGE, f"{STORAGE}/backups/a/").backup_id == "a"
    damage(catalog, "a", "manifests.tar.zst")
    with pytest.raises(DigestMismatch):
        select(catalog, STORAGE, f"{STORAGE}/backups/a")
    with pytest.raises(BackupNotFound):
        select(catalog, STORAGE, f"{STORAGE}/backups/z")


def test_a_wish_that_is_none_is_refused(catalog: S3) -> None:
    with pytest.raises(RequestInvalid, match="use latest_valid, latest_proven, random"):
        select(catalog, STORAGE, "newest")


def test_no_listing_needs_more_than_the_metadata(catalog: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    get = catalog.get_up_to
    monkeypatch.setattr(catalog, "get_up_to", lambda uri, most: read.append(uri) or get(uri, most))
    list_backups(catalog, STORAGE)
    assert all(uri.endswith("/metadata.json") for uri in read) and len(read) == 4
    assert json.loads(catalog.get(read[0]))["app"] == "shop"
