"""sql and output: what the restored data says, read from the runner's own disk and never written to."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from relight.config import Validator
from relight.model import Check, Verdict
from relight.records import replace
from relight.recovery.validators import run
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import claim, obj
from tests.recovery.standing import context, healthy

ORDERS = Validator(name="orders", kind="sql", claim="ledger", path="shop.db", query="SELECT COUNT(*) FROM orders", least=3)
REPORT = Validator(name="report", kind="output", claim="ledger", path="out/report.json", least=1)
PASSED, FAILED, UNSEEN = Verdict.PASSED, Verdict.FAILED, Verdict.COULD_NOT_VERIFY


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The claim's directory on the runner's disk, with a database of three orders."""
    volume = tmp_path / "volumes/shop/ledger"
    (volume / "out").mkdir(parents=True)
    with closing(sqlite3.connect(volume / "shop.db")) as database, database:
        database.execute("CREATE TABLE orders (id INTEGER, cents INTEGER)")
        database.executemany("INSERT INTO orders VALUES (?, ?)", [(1, 100), (2, 250), (3, 50)])
    return volume


def checked(validator: Validator, data: Path, **fields: Any) -> Check:
    return run(validator, context(standing(data), data.parents[2], **fields))


def standing(data: Path) -> FakeCluster:
    cluster = healthy()
    bound = claim()
    bound["spec"]["volumeName"] = "relight-shop-ledger"
    cluster.put(bound)
    cluster.put(obj("v1", "PersistentVolume", "relight-shop-ledger", None, spec={"hostPath": {"path": str(data)}}))
    return cluster


# ---------------------------------------------------------------- sql
@pytest.mark.parametrize(
    ("change", "verdict", "said"),
    [
        ({}, PASSED, "the query gives 3, as expected"),
        ({"least": 4}, FAILED, "3: less than 4"),
        ({"most": 2}, FAILED, "3: more than 2"),
        ({"query": "SELECT SUM(cents) FROM orders", "expect": "400", "least": None}, PASSED, "400"),
        ({"query": "SELECT SUM(cents) FROM orders", "expect": "401", "least": None}, FAILED, "'400' instead of '401'"),
        ({"query": "SELECT id FROM orders"}, FAILED, "instead of one value"),
        ({"query": "SELECT 1, 2"}, FAILED, "2 columns"),
        ({"query": "SELECT 'many'"}, FAILED, "not a number"),
        ({"query": "SELECT COUNT(*) FROM customers"}, FAILED, "no such table: customers"),
        ({"path": "other.db"}, FAILED, "other.db of claim ledger is not there"),
        ({"path": "../../../etc/passwd"}, UNSEEN, "leads outside"),
        ({"claim": "nobody"}, UNSEEN, "there is no claim shop/nobody"),
    ],
)
def test_a_query_of_a_sqlite_file(data: Path, change: dict[str, Any], verdict: Verdict, said: str) -> None:
    check = checked(replace(ORDERS, **change), data)
    assert check.verdict == verdict and said in check.detail


@pytest.mark.parametrize(
    "query", ["DELETE FROM orders", "ATTACH '/tmp/x' AS x", "PRAGMA user_version=7", "DROP TABLE orders"]
)
def test_a_query_can_only_read(data: Path, query: str) -> None:
    before = (data / "shop.db").read_bytes()
    check = checked(replace(ORDERS, query=query), data)
    assert check.verdict == FAILED and "not authorized" in check.detail
    assert (data / "shop.db").read_bytes() == before and sorted(one.name for one in data.iterdir()) == ["out", "shop.db"]


def test_a_damaged_database_fails_and_says_so(data: Path) -> None:
    file = data / "shop.db"
    file.write_bytes(file.read_bytes()[:4096] + b"\0" * 4096)
    check = checked(ORDERS, data)
    assert check.verdict == FAILED and "shop.db" in check.detail


def test_a_transaction_that_a_crash_left_in_the_log_is_seen_and_the_file_stays_as_it_was(data: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "live.db")) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("PRAGMA wal_autocheckpoint=0")
        live.execute("CREATE TABLE orders (id INTEGER)")
        live.executemany("INSERT INTO orders VALUES (?)", [(n,) for n in range(5)])
        live.commit()
        for end in ("", "-wal"):
            (data / f"shop.db{end}").write_bytes((tmp_path / f"live.db{end}").read_bytes())
    before = {name: (data / name).read_bytes() for name in ("shop.db", "shop.db-wal")}
    check = checked(replace(ORDERS, least=5), data)
    assert (check.verdict, check.evidence["value"]) == (PASSED, "5")
    assert {name: (data / name).read_bytes() for name in before} == before


@pytest.mark.slow
def test_a_query_without_end_is_stopped_at_its_deadline(data: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    check = checked(replace(ORDERS, query=endless, deadline=1), data)
    assert check.verdict == Verdict.TIMED_OUT and check.seconds < 4


def test_a_link_out_of_the_claim_is_not_followed(data: Path) -> None:
    (data / "shop.db").unlink()
    (data / "shop.db").symlink_to("/etc/passwd")
    assert checked(ORDERS, data).verdict == UNSEEN


# ---------------------------------------------------------------- output
SCHEMA = {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer", "minimum": 1}}}


def published(data: Path, text: str, name: str = "report.json") -> None:
    (data / "out" / name).write_text(text)


@pytest.mark.parametrize(
    ("form", "text", "change", "said"),
    [
        ("json", '{"total": 4}', {"schema": SCHEMA}, ""),
        ("json", '[{"total": 4}, {}]', {"least": 2, "most": 2}, ""),
        ("jsonl", '{"total": 4}\n{"total": 5}\n', {"schema": SCHEMA, "least": 2}, ""),
        ("csv", "id,total\n1,4\n2,5\n", {"schema": {"required": ["total"]}, "least": 2}, ""),
        ("json", '{"total": 0}', {"schema": SCHEMA}, "does not fit its schema: data.total"),
        ("jsonl", '{"total": 4}\n{}\n', {"schema": SCHEMA}, "row 2: data must contain ['total']"),
        ("json", '{"total": 4', {}, "is no json"),
        ("csv", 'id\n"1', {}, "is no csv"),
        ("json", "[]", {"least": 1}, "has 0 rows: less than 1"),
        ("jsonl", "{}\n" * 9, {"most": 8}, "has 9 rows: more than 8"),
    ],
)
def test_published_output(data: Path, form: str, text: str, change: dict[str, Any], said: str) -> None:
    published(data, text)
    check = checked(replace(REPORT, format=form, **change), data)
    assert check.verdict == (FAILED if said else PASSED), check.detail
    assert said in check.detail


def test_output_that_came_with_the_backup_is_not_the_jobs_doing(data: Path) -> None:
    published(data, "{}")
    os.utime(data / "out/report.json", (1_700_000_000, 1_700_000_000))
    check = checked(REPORT, data, restored_at=1_800_000_000.0)
    assert check.verdict == FAILED and "older than the restore" in check.detail
    assert checked(replace(REPORT, newer=False), data, restored_at=1_800_000_000.0).verdict == PASSED


def test_output_that_is_missing_fails_and_a_schema_that_is_none_could_not_be_verified(data: Path) -> None:
    assert "is not there" in checked(REPORT, data).detail
    published(data, "{}")
    assert checked(replace(REPORT, schema={"type": "wish"}), data).verdict == UNSEEN


@pytest.mark.parametrize("make", [lambda claim: claim.pop("spec"), lambda claim: claim["spec"].pop("volumeName")])
def test_a_claim_without_a_restored_volume_could_not_be_verified(data: Path, make: Callable[[dict[str, Any]], Any]) -> None:
    cluster = standing(data)
    make(cluster.one("PersistentVolumeClaim", "ledger"))
    assert run(ORDERS, context(cluster, data.parents[2])).verdict == UNSEEN


def test_evidence_is_plain_data(data: Path) -> None:
    json.dumps(checked(ORDERS, data).evidence)
