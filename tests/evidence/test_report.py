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
