"""The catalog: each backup is proven as it appears, and two marks name the newest good ones, whoever moves them at once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from lambdas.catalog.handler import handler
from relight.adapters.calls import Refused, call
from relight.adapters.catalog import Catalog
from relight.backup import marks, writer
from relight.backup.catalog import select
from relight.backup.writer import BackupSource
from relight.config import Encryption
from relight.errors import Conflict, RequestInvalid
from relight.model import Audit, BackupState, CatalogEntry, Mark, MarkName
from relight.records import replace
from tests.handlers.conftest import STORAGE, World
from tests.handlers.conftest import backup as write_backup

LEDGER = {"app": "ledger"}
B2 = f"s3://{STORAGE}/app/backups/b2"


@dataclass
class Context:
    seconds: float = 900

    def get_remaining_time_in_millis(self) -> float:
        return self.seconds * 1000


def committed(key: str, bucket: str = STORAGE) -> dict[str, Any]:
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
    }


def told(backup_id: str) -> dict[str, Any]:
    """The catalog's answer to S3's event for the backup."""
    found: dict[str, Any] = handler(committed(f"app/backups/{backup_id}/metadata.json"), Context())
    return {name: mark and mark["backup_id"] for name, mark in found["ledger"].items()}


def entries() -> dict[str, CatalogEntry]:
    return {entry.backup_id: entry for entry in Catalog("relight").entries("ledger")}


def test_a_committed_backup_is_proven_and_becomes_the_last_valid_one(world: World) -> None:
    write_backup(world, "b1", "2026-11-23T02:00:00Z")
    assert told("b1") == {"last-valid": "b1", "last-proven": None}
    write_backup(world, "b2", "2026-11-24T02:00:00Z")
    assert told("b2")["last-valid"] == "b2"
    assert told("b2")["last-valid"] == "b2"  # an event delivered twice
    assert {name: entry.audit.state for name, entry in entries().items()} == {"b1": "valid", "b2": "valid"}


def test_a_late_event_of_an_older_backup_does_not_move_the_mark_back(world: World) -> None:
    write_backup(world, "b2", "2026-11-24T02:00:00Z")
    told("b2")
    write_backup(world, "b1", "2026-11-23T02:00:00Z")
    assert told("b1")["last-valid"] == "b2"


def test_a_bad_backup_is_catalogued_with_its_findings_and_marked_by_a_metric(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    write_backup(world, "b1", "2026-11-23T02:00:00Z")
    bad = write_backup(world, "b2", "2026-11-24T02:00:00Z")
    world.store.put(f"{bad}/state.tar.zst", b"x" * len(world.store.get(f"{bad}/state.tar.zst")))
    assert told("b2")["last-valid"] == "b1"
    found = entries()["b2"].audit
    assert found.state == BackupState.INVALID and "state.tar.zst" in found.findings[0]
    assert '"NewestBackupInvalid": 1' in capsys.readouterr().out


def test_a_backup_that_stops_being_good_is_noticed_by_the_next_round(world: World) -> None:
    uris = [write_backup(world, name, f"2026-11-2{day}T02:00:00Z") for day, name in ((3, "b1"), (4, "b2"))]
    told("b2")
    world.store.delete(f"{uris[1]}/state.tar.zst")
    assert handler(LEDGER, Context())["ledger"]["last-valid"]["backup_id"] == "b1"
    for one in list(world.store.list(uris[0])):
        world.store.delete(one.uri)
    assert handler(LEDGER, Context())["ledger"]["last-valid"] is None
    assert {name: entry.audit.state for name, entry in entries().items()} == {"b1": "gone", "b2": "invalid"}


def test_what_time_did_not_allow_is_done_by_the_next_round(world: World) -> None:
    write_backup(world, "b1", "2026-11-23T02:00:00Z")
    assert handler(LEDGER, Context(seconds=10))["ledger"]["last-valid"] is None
    assert entries() == {}
    assert handler(LEDGER, Context())["ledger"]["last-valid"]["backup_id"] == "b1"


def test_a_good_backup_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write_backup(world, "b1", "2026-11-23T02:00:00Z")
    told("b1")
    monkeypatch.setattr("lambdas.catalog.handler.audit", lambda *_: pytest.fail("it was read again"))
    told("b1")


# ---------------------------------------------------------------- sealed
@pytest.fixture
def sealed(world: World, tmp_path: Path) -> None:
    """An open backup b1, and a sealed one b2."""
    write_backup(world, "b1", "2026-11-23T02:00:00Z")
    key = boto3.client("kms").create_key()["KeyMetadata"]
    (tmp_path / "orders").write_text("1")
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "ledger"}}
    held = BackupSource(
        backup_id="b2",
        app="ledger",
        namespace="ledger",
        created_at="2026-11-24T02:00:00Z",
        manifests=[config],
        volumes={("ledger", "data"): tmp_path},
    )
    writer.write_backup(world.store, B2, held, encryption=Encryption(kms_keys=(key["Arn"],)))


def test_a_sealed_backup_is_opened_and_each_of_its_frames_is_proven(world: World, sealed: None) -> None:
    assert told("b2")["last-valid"] == "b2"
    assert entries()["b2"].audit.reason == "every byte of 1 frames and its digest"


def test_a_sealed_backup_that_was_changed_is_damaged_though_its_digests_were_changed_too(world: World, sealed: None) -> None:
    other = json.loads(world.store.get(f"{B2}/metadata.json"))
    world.store.put(f"{B2}/metadata.json", json.dumps(other | {"notes": "nobody sealed this"}).encode())
    assert told("b2")["last-valid"] == "b1" and entries()["b2"].audit.state == BackupState.INVALID


def test_one_that_no_key_opens_today_is_not_damaged_and_is_tried_again(
    world: World, sealed: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def disabled(*_: Any, **__: Any) -> None:
        raise Refused({"Error": {"Code": "DisabledException"}})

    monkeypatch.setattr("relight.adapters.keys.call", disabled)
    assert told("b2")["last-valid"] == "b1"
    found = entries()["b2"].audit
    assert found.state == BackupState.UNOPENED and "it is disabled; enable it" in found.findings[0]
    assert '"NewestBackupInvalid": 1' in capsys.readouterr().out
    monkeypatch.setattr("relight.adapters.keys.call", call)
    known = Catalog("relight").entries("ledger")
    assert select(world.store, f"s3://{STORAGE}/app", known=known).backup_id == "b2"  # a run waits for no round
    assert handler(LEDGER, Context())["ledger"]["last-valid"]["backup_id"] == "b2"


@pytest.mark.parametrize(
    "key", ["app/backups/b1/state.tar.zst", "other/backups/b1/metadata.json", "app/state/metadata.json"]
)
def test_an_object_that_commits_no_backup_of_ours_is_nobodys(key: str, world: World) -> None:
    assert handler(committed(key), Context()) == {}


def test_an_event_of_neither_kind_is_refused(world: World) -> None:
    with pytest.raises(RequestInvalid, match="neither of S3 nor names an app"):
        handler({"detail": {}}, Context())


# ---------------------------------------------------------------- compare-and-swap
def valid(backup_id: str, day: int) -> CatalogEntry:
    made = CatalogEntry(app="ledger", backup_id=backup_id, uri=f"s3://{STORAGE}/{backup_id}", checked_at="t")
    return replace(made, created_at=f"2026-11-{day:02}T02:00:00Z", audit=Audit(state=BackupState.VALID))


def test_two_that_move_a_mark_at_once_end_with_the_newest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog("relight")
    catalog.note_audit(valid("b1", 1))
    reading = Catalog.entries

    def meanwhile(self: Catalog, app: str) -> list[CatalogEntry]:
        """Between our look and our move another one catalogues a newer backup and moves the mark."""
        found = reading(self, app)
        monkeypatch.setattr(Catalog, "entries", reading)
        catalog.note_audit(valid("b2", 2))
        marks.settle(catalog, app)
        return found

    monkeypatch.setattr(Catalog, "entries", meanwhile)
    settled = marks.settle(catalog, "ledger")[MarkName.LAST_VALID]
    assert settled and settled.backup_id == "b2"


def test_a_mark_that_never_holds_still_is_a_conflict_that_is_retried(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog("relight")
    catalog.note_audit(valid("b1", 1))
    monkeypatch.setattr(Catalog, "move", lambda *_: False)
    with pytest.raises(Conflict, match="last-valid of ledger"):
        marks.settle(catalog, "ledger")


def test_a_move_from_what_was_not_seen_is_refused(world: World) -> None:
    catalog = Catalog("relight")
    first = Mark(backup_id="b1", uri="u", created_at="c", moved_at="1")
    assert catalog.move("ledger", MarkName.LAST_PROVEN, first, None)
    assert not catalog.move("ledger", MarkName.LAST_PROVEN, replace(first, backup_id="b2"), None)
    assert not catalog.move("ledger", MarkName.LAST_PROVEN, None, replace(first, moved_at="0"))
    assert catalog.mark("ledger", MarkName.LAST_PROVEN) == first


def test_what_a_run_proves_stands_beside_what_the_audit_found(world: World) -> None:
    write_backup(world, "b1", "2026-11-23T02:00:00Z")
    catalog = Catalog("relight")
    proof = replace(valid("b1", 23), proven_by="drill-1", proven_at="2026-11-23T04:00:00Z")
    catalog.note_proof(proof)
    assert told("b1") == {"last-valid": "b1", "last-proven": "b1"}
    assert entries()["b1"].proven_by == "drill-1"
