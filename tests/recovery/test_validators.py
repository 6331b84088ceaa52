"""The frame around every validator, and the verdict of a validation: never PASSED for a check that could not run."""

import time

import pytest

from relight.config import Validator
from relight.model import Check, RestoreOutcome, Verdict
from relight.recovery import validators
from relight.recovery.validators import completeness, judge, run, run_all, unnoticed
from relight.recovery.validators.context import Finding
from tests.recovery.standing import NIGHTLY, READY, context, healthy


def test_a_check_that_breaks_could_not_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Finding:
        raise ZeroDivisionError("oops")

    monkeypatch.setitem(validators.REGISTRY, "ready", broken)
    assert run(READY, context(healthy())).verdict == Verdict.COULD_NOT_VERIFY


def test_a_check_that_hangs_is_left_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validators, "GRACE_SECONDS", 0.1)

    def hang(*_: object) -> Finding:
        time.sleep(4)
        return Finding(Verdict.PASSED, "far too late")

    monkeypatch.setitem(validators.REGISTRY, "ready", hang)
    check = run(READY, context(healthy()))
    assert check.verdict == Verdict.TIMED_OUT and check.seconds < 2


def test_an_unknown_kind_could_not_verify() -> None:
    unknown = Validator(name="smell", kind="smell")  # type: ignore[arg-type]
    assert run(unknown, context(healthy())).verdict == Verdict.COULD_NOT_VERIFY


def test_files_are_read_before_any_job_runs_and_answers_keep_the_apps_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def note(validator: Validator, *_: object) -> Finding:
        seen.append(validator.kind)
        return Finding(Verdict.PASSED, "")

    for kind in ("job", "ready", "files"):
        monkeypatch.setitem(validators.REGISTRY, kind, note)
    checks = run_all((NIGHTLY, READY, Validator(name="bytes", kind="files")), context(healthy()))
    assert seen == ["files", "ready", "job"]
    assert [check.kind for check in checks] == ["job", "ready", "files"]


def checked(*verdicts: Verdict) -> tuple[Check, ...]:
    return tuple(Check(validator=f"v{i}", kind="ready", verdict=v, detail="", seconds=0) for i, v in enumerate(verdicts))


@pytest.mark.parametrize("bad", [Verdict.FAILED, Verdict.TIMED_OUT, Verdict.COULD_NOT_VERIFY])
def test_only_passed_everywhere_is_passed(bad: Verdict) -> None:
    assert judge(checked(Verdict.PASSED, Verdict.PASSED)) == Verdict.PASSED
    assert judge(checked(Verdict.PASSED, bad)) == bad


def test_no_check_is_no_proof_not_even_an_allowed_partial_restore() -> None:
    assert judge(()) == Verdict.COULD_NOT_VERIFY
    assert judge(completeness(RestoreOutcome.PARTIAL, {}, allow_partial=True)) == Verdict.COULD_NOT_VERIFY


def test_a_partial_restore_fails_unless_the_app_allows_it_by_name() -> None:
    counts = {"refused": 1, "failed": 2}
    passed = checked(Verdict.PASSED)
    assert judge((*completeness(RestoreOutcome.PARTIAL, counts, allow_partial=False), *passed)) == Verdict.FAILED
    allowed = completeness(RestoreOutcome.PARTIAL, counts, allow_partial=True)
    assert judge((*allowed, *passed)) == Verdict.PASSED and "1 refused, 2 failed" in allowed[0].detail
    assert completeness(RestoreOutcome.COMPLETE, counts, allow_partial=False) == ()


def test_a_negative_control_counts_only_what_was_seen() -> None:
    assert unnoticed(checked(Verdict.FAILED, Verdict.TIMED_OUT)) == ()
    assert unnoticed(checked(Verdict.PASSED, Verdict.COULD_NOT_VERIFY)) == ("v0", "v1")
