"""What a run says of itself to whoever watches: what each phase did, what it waits for, who has decided already."""

from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.cli.runs import ended, phase, run
from tests.cli.stub import Stub

TELLING = ("detect", "plan", "launch", "restore", "validate", "approve", "promote", "teardown")


def test_a_run_that_waits_for_a_person_shows_what_to_type_at_once(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs", {"run_id": "r-1"})
    api.on("GET /runs/r-1", run(), run(), ended("Rejected"))
    out = terminal("drill", "--rehearse-approval").out
    assert out.count("relight approve r-1   a rehearsal: nothing is promoted") == 1
    assert out.index("relight approve r-1") < out.index("it ended as Rejected")


def test_a_phase_says_what_it_did(terminal: Terminal, api: Stub) -> None:
    facts = {
        "detection": {"health": "unhealthy", "reason": "published: late by 2 h"},
        "launch": {"instance_id": "i-1", "instance_type": "m7g.large", "zone": "eu-central-1a"},
        "restore": {
            "counts": {"created": 8, "skipped": 2},
            "outcome": "PARTIAL",
            "volume_files": 401,
            "volume_bytes": 222_842,
        },
        "plan": {"backup_id": "b7", "created_at": "2026-11-23T02:00:00.123Z", "objectives": {"rpo": 600}},
        "validation": {"checks": [{"verdict": "PASSED"}, {"verdict": "FAILED"}]},
        "approval": {"decided": "approved", "approver": "ada"},
        "promotion": {"actions": [{}]},
        "cleared": {"terminated": ["i-1"], "left": []},
    }
    rows = [phase(name, number, summary="") for number, name in enumerate(TELLING, 1)]
    api.on("GET /runs/r-1", ended("Failed", facts=facts, phases=rows))
    for typed in (("status", "r-1"), ("status", "r-1", "--wait")):
        out = terminal(*typed).out
        assert "unhealthy: published: late by 2 h" in out
        assert "m7g.large in eu-central-1a" in out
        assert "PARTIAL: objects: 8 created, 2 skipped; 401 files, 222.8 kB" in out
        assert "backup b7, made 2026-11-23 02:00:00 UTC" in out
        assert "1 of 2 checks passed" in out and "approved by ada" in out
        assert "1 action done; the runner is production" in out and "runner i-1 is terminated; none is left" in out


def test_status_has_the_numbers_of_the_decision_and_what_a_promotion_changes(terminal: Terminal, api: Stub) -> None:
    plan = {"backup_id": "b7", "created_at": "2026-11-23T02:00:00Z", "objectives": {"rpo": 600, "rto": 900}}
    facts = {"plan": plan, "detection": {"health": "unhealthy", "reason": "late"}, "preview": {"lines": ["dns: a → b"]}}
    api.on("GET /runs/r-1", run(facts=facts))
    out = terminal("status", "r-1").out
    assert "r-1  waits for a decision" in out and "unhealthy: late" in out
    assert "after 2026-11-23 02:00:00 UTC, 1 h 00 min before this run began (at most 10 min 00 s: missed)" in out
    assert "if it is promoted:\n  dns: a → b" in out


def test_a_recovery_whose_primary_was_not_seen_to_publish_says_to_look(terminal: Terminal, api: Stub) -> None:
    handed = {"handback": {"actions": [], "cycle": {"verdict": "COULD_NOT_VERIFY"}}}
    api.on("GET /runs/r-1", ended("Succeeded", facts=handed, evidence={"report": "s3://e/report.html"}))
    assert "next: look whether the primary publishes when it is due: relight check" in terminal("status", "r-1").out


def test_a_held_runner_says_when_it_ends_by_itself(terminal: Terminal, api: Stub) -> None:
    facts = {"launch": {"instance_id": "i-1", "expires_at": "2026-11-23T09:00:00Z"}}
    api.on("GET /runs/r-1", ended("Held", facts=facts, evidence={"report": "s3://e/report.html"}))
    out = terminal("status", "r-1").out
    assert "relight destroy --yes" in out
    assert "2026-11-23 09:00:00 UTC" in out


@pytest.mark.parametrize(
    ("approval", "code", "names"),
    [
        (
            {"state": "approved", "decision": {"decided": "approved", "approver": "ada", "decided_at": "03:01"}},
            "R210",
            "by ada",
        ),
        ({"state": "expired", "decision": None, "expires_at": "2026-11-23T07:00:30Z"}, "R209", "2026-11-23T07:00:30Z"),
    ],
)
def test_a_second_or_a_late_approval_says_who_or_when(
    approval: dict[str, Any], code: str, names: str, terminal: Terminal, api: Stub
) -> None:
    api.on("GET /runs/r-1", ended("Expired", approval=approval))
    said = terminal("approve", "r-1")
    assert (said.status, api.changes) == (2, [])
    assert f"relight: {code}: run r-1: " in said.err
    assert names in said.err


def test_a_phase_waits_a_moment_for_what_it_did(terminal: Terminal, api: Stub) -> None:
    rows = [phase("detect", 1, summary="")]
    fact = {"detection": {"health": "healthy", "reason": "a drill always proceeds"}}
    api.on("GET /runs/r-1", run(phases=rows, approval=None), ended("Healthy", phases=rows, facts=fact))
    out = terminal("status", "r-1", "--wait").out
    assert out.count("detect    done") == 1
    assert "healthy: a drill always proceeds" in out
