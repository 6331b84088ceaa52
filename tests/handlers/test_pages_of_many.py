"""A page of many rows reads as many rows as it shows, however many there are."""

import json
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest

from lambdas.console.web import objects, runlist
from relight.adapters import aws, calls
from relight.evidence.binding import digest
from relight.model import Run, canonical, decode
from tests.handlers.browser import Browser
from tests.handlers.conftest import EVIDENCE, PLAN, RUN_ID, World, run
from tests.handlers.test_console import BOB
from tests.handlers.test_pages import PAGE, dumped

RUNS, OBJECTS = 1_000, 20_000
BUDGET = 0.3  # seconds of CPU a page, at the handler, with moto in the same process


@pytest.fixture
def many(world: World) -> World:
    """A thousand runs, as the flow leaves them."""
    rows: list[dict[str, Any]] = []
    for number in range(RUNS):
        hour = f"2026-{1 + number // 250:02d}-{1 + number // 24 % 28:02d}T{number % 24:02d}:{number // 24 % 60:02d}:00.000Z"
        one = run(run_id=f"run-{number:04d}", started_at=hour, mode="drill")
        rows.append({"pk": "app#ledger", "sk": f"run#{hour}#{one['run_id']}", "run_id": one["run_id"]})
        rows.append({"pk": f"run#{one['run_id']}", "sk": "run", "run": json.dumps(one), "outcome": "Succeeded"})
    client = aws.client("dynamodb")
    for start in range(0, len(rows), 25):
        puts = [{"PutRequest": {"Item": {k: {"S": v} for k, v in row.items()}}} for row in rows[start : start + 25]]
        client.batch_write_item(RequestItems={"relight": puts})
    return world


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which calls of the table were made."""
    made: list[str] = []
    original = calls.call

    def count(service: str, operation: str, *rest: Any, **more: Any) -> Any:
        made.append(operation)
        return original(service, operation, *rest, **more)

    for module in ("relight.adapters.items.call", "relight.adapters.runlist.call"):
        monkeypatch.setattr(module, count)
    yield made


@pytest.mark.slow
def test_a_page_of_a_thousand_runs_is_one_query_and_one_read(many: World, asked: list[str]) -> None:
    browser = Browser().signed_in(BOB)
    browser.open("/console/runs")  # what only the first page of a process pays for
    asked.clear()
    seen: list[str] = []
    path, took = "/console/runs", []
    while path:
        began = time.process_time()
        text = browser.open(path)
        took.append(time.process_time() - began)
        rows = [part.partition('"')[0] for part in text.split('<th scope="row"><a href="/console/runs/')[1:]]
        assert len(rows) == min(runlist.ROWS, RUNS - len(seen))
        seen += rows
        path = text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == RUNS
    assert seen == sorted(seen, key=lambda run_id: order(many, run_id), reverse=True)
    reads = [one for one in asked if one != "get_item"]
    assert reads == ["query", "batch_get_item"] * (RUNS // runlist.ROWS)
    assert median(took) < BUDGET


def order(world: World, run_id: str) -> str:
    record = world.table.run(run_id)
    assert record
    return f"{record['run']['started_at']}#{run_id}"


@pytest.mark.slow
def test_a_table_of_twenty_thousand_objects_has_pages_and_shows_what_was_refused_first_hand(world: World) -> None:
    rows = [
        {
            "group": "", "kind": "ConfigMap", "namespace": "ledger", "name": f"c{n}", "wave": 3, "transforms": [],
            "fate": "refused" if n % 4_000 == 0 else "created", "reason": "",
        }
        for n in range(OBJECTS)
    ]  # fmt: skip
    ledger = b"".join(canonical(row) + b"\n" for row in rows)
    uri = f"s3://{EVIDENCE}/ledger/{RUN_ID}/artifacts/ledger.jsonl"
    world.store.put(uri, ledger)
    restored = {"ledger": {"uri": uri, "sha256": digest(ledger)}, "counts": {"created": OBJECTS}}
    world.table.note_run(decode(run(), Run), phase="validate", **dumped({"plan": PLAN, "restore": restored}))
    browser = Browser().signed_in(BOB)
    text = browser.open(f"{PAGE}/objects?page=100")
    assert f"Objects 19801 to 20000 of {OBJECTS}" in text and "c19999" in text
    assert text.count('<th scope="row">') == objects.ROWS
    text = browser.open(f"{PAGE}/objects?only=refused")
    assert "Objects 1 to 5 of 5" in text and "c4000" in text
    began = time.process_time()
    browser.open(f"{PAGE}/objects?page=50")
    assert time.process_time() - began < BUDGET
    for odd in ("0", "-1", "999", "x", "1e9", "٣"):
        browser.open(f"{PAGE}/objects?page={odd}")
        assert browser.status == 200


def test_a_ledger_that_was_changed_is_not_shown(world: World) -> None:
    uri = f"s3://{EVIDENCE}/ledger/{RUN_ID}/artifacts/ledger.jsonl"
    world.store.put(uri, b"{}\n")
    restored = {"ledger": {"uri": uri, "sha256": "0" * 64}, "counts": {}}
    world.table.note_run(decode(run(), Run), phase="validate", **dumped({"plan": PLAN, "restore": restored}))
    browser = Browser().signed_in(BOB)
    text = browser.open(f"{PAGE}/objects")
    assert "do not approve it" in text and browser.status == 500
