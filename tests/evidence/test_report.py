"""What the app was promised, held against what a run measured."""

from relight.adapters.s3 import S3
from relight.evidence.page import page
from relight.evidence.receipts import chain
from relight.evidence.report import build
from relight.model import Outcome, Phase, moment
from tests.evidence.test_evidence import PREFIX, RUN, clients, ended, leave, store

__all__ = ["clients", "store"]  # fixtures


def test_the_report_holds_the_run_against_what_the_app_was_promised(store: S3) -> None:
    leave(store, Phase.VALIDATE)
    facts = {
        "plan": {"objectives": {"rto": 10**9, "rpo": 60}, "created_at": "2026-11-22T03:00:00Z"},
        "validation": {"verdict": "PASSED", "checks": []},
    }
    report = build(ended(Outcome.SUCCEEDED, **facts), chain(store, PREFIX))
    rto, rpo = report["objectives"]
    assert (rto["met"], rpo["met"]) == (True, False)
    assert rpo["seconds"] == (moment(RUN.started_at) - moment("2026-11-22T03:00:00Z")).total_seconds()
    assert "missed" in page(report).decode()


def test_a_run_that_was_not_validated_has_no_recovery_time(store: S3) -> None:
    leave(store, Phase.VALIDATE)
    facts = {
        "plan": {"objectives": {"rto": 1800, "rpo": 60}, "created_at": None},
        "validation": {"verdict": "COULD_NOT_VERIFY", "checks": []},
    }
    assert build(ended(Outcome.FAILED, **facts), chain(store, PREFIX))["objectives"] == []


def test_the_report_shows_what_the_last_check_of_readiness_had_warned_of(store: S3) -> None:
    rows = [
        {"check": "quota", "state": "failed", "seen": "<4> vCPUs", "fails": "EC2 refuses the runner", "phase": "launch"},
        {"check": "lease", "state": "passed", "seen": "no run holds the app", "fails": "", "phase": "plan"},
    ]
    known = {"checked_at": "2026-11-23T01:00:00Z", "state": "failed", "score": 49, "findings": rows}
    report = build(ended(Outcome.SUCCEEDED), chain(store, PREFIX), known)
    shown = page(report).decode()
    assert report["readiness"] == known
    for words in (
        "Readiness before the run",
        "2026-11-23T01:00:00Z",
        "score 49 of 100",
        "&lt;4&gt; vCPUs",
        "launch: EC2 refuses",
    ):
        assert words in shown
    assert "no run holds the app" not in shown
    assert "Readiness" not in page(build(ended(Outcome.SUCCEEDED), chain(store, PREFIX))).decode()
