"""The console's pages as a person reads them."""

import json
import time
from typing import Any

import pytest

from relight.adapters.approvals import Approval
from relight.evidence.binding import digest
from relight.model import Phase, Run, canonical, decode
from tests.handlers.browser import Browser
from tests.handlers.conftest import EVIDENCE, PLAN, RUN_ID, World, run
from tests.handlers.test_console import ANN, BOB, HASH, TOKEN

PAGE = f"/console/runs/{RUN_ID}"


@pytest.fixture
def waiting(world: World) -> World:
    """A run that Ann asked for was restored and validated, and waits for a decision."""
    asked = decode(run(initiator=ANN), Run)
    check = {"validator": "publish", "kind": "job", "verdict": "PASSED", "detail": "exit 0", "seconds": 2.0}
    facts: dict[str, Any] = {
        "plan": PLAN | {"objectives": {"rto": 1800, "rpo": 60}},
        "launch": {"instance_id": "i-1", "instance_type": "m7g.large", "zone": "a", "launched_at": asked.started_at},
        "validation": {"verdict": "PASSED", "checks": [{**check, "evidence": {"log": "all published\n"}}]},
    }
    world.table.list_run(asked)
    world.table.note_run(asked, phase="approve", evidence=f"s3://{EVIDENCE}/ledger/{RUN_ID}", **dumped(facts))
    for phase in (Phase.PLAN, Phase.VALIDATE):
        world.table.phase_started(RUN_ID, phase, 0, asked.started_at)
        world.table.phase_ended(RUN_ID, phase, "2026-11-23T03:00:42Z", "done")
    until = int(time.time()) + 600
    world.table.ask_approval(RUN_ID, Approval(token=TOKEN, evidence_hash=HASH, requested_at="t", expires_at=until))
    return world


def dumped(facts: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in facts.items()}


def test_a_tired_operator_reads_what_was_checked_what_would_be_lost_and_what_it_costs(waiting: World) -> None:
    text = Browser().signed_in(BOB).open(PAGE)
    for words in ("waits for a decision", "publish", "PASSED", "all published", "1 h 00 min before", "missed", "USD", HASH):
        assert words in text


def test_the_decision_on_the_page_is_the_apis(waiting: World) -> None:
    browser = Browser().signed_in(BOB)
    browser.open(PAGE)
    browser.send(f"{PAGE}/approve")
    assert browser.status == 303
    [(what, token, given)] = waiting.answered
    assert (what, token, json.loads(given["output"])["approver"]) == ("success", TOKEN, BOB)
    assert canonical(BOB).decode().strip('"') in browser.open(PAGE)


@pytest.mark.parametrize("broken", ["manifest.json", "plan.json"])
def test_a_plan_that_is_not_what_its_hash_covers_is_not_shown(waiting: World, broken: str) -> None:
    where = f"s3://{EVIDENCE}/ledger/{RUN_ID}/plan"
    plan = b'{"backup": "another one"}'
    manifest = canonical({"files": {"plan.json": {"sha256": digest(plan)}}})
    facts = {"plan": PLAN | {"hash": digest(manifest)}}
    waiting.table.note_run(decode(run(initiator=ANN), Run), **dumped(facts))
    for name, data in {"manifest.json": manifest, "plan.json": plan}.items():
        waiting.store.put(f"{where}/{name}", data + b" " if name == broken else data)
    text = Browser().signed_in(BOB).open(PAGE)
    assert "do not approve it" in text and "another one" not in text
