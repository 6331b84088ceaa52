"""Hooks run as Jobs at their moment, stop what comes after them when they fail, and unlock what they locked."""

import pytest

from relight.config import Hook
from relight.errors import HookFailed
from relight.model import Verdict
from relight.recovery.hooks import HookPlace, around_backup, run_hooks
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import IMAGE, SECRET, TAG
from tests.recovery.test_command_validator import made
from tests.recovery.test_job_validator import jobs, playing

DUMP = Hook(name="dump", when="before_backup", image=IMAGE, command=("pg_dump",), claims=("ledger",), deadline=2)
UNLOCK = Hook(name="unlock", when="after_backup", image=IMAGE, command=("unlock",), deadline=2)
LOAD = Hook(name="load", when="after_restore", image=IMAGE, command=("pg_restore",), claims=("ledger",), deadline=2)
HOOKS = (DUMP, UNLOCK, LOAD)


def at(cluster: FakeCluster, development: bool = False) -> HookPlace:
    return HookPlace(cluster=cluster, namespace="shop", seed=("b1",), development=development)


def names(seen: list[dict[str, object]]) -> list[str]:
    return [str(job["metadata"]["name"]).split("-")[1] for job in seen]  # type: ignore[index]


def test_a_backup_is_made_between_its_hooks_and_a_claim_is_theirs_to_write() -> None:
    cluster = playing("Complete")
    seen = made(cluster)
    with around_backup(HOOKS, at(cluster)):
        assert names(seen) == ["dump"]
    assert names(seen) == ["dump", "unlock"] and jobs(cluster) == []
    (container,) = seen[0]["spec"]["template"]["spec"]["containers"]
    assert container["volumeMounts"] == [{"name": "claim-0", "mountPath": "/claims/ledger"}]


def test_a_backup_that_fails_is_unlocked_too() -> None:
    cluster = playing("Complete")
    seen = made(cluster)
    with pytest.raises(OSError, match="disk full"), around_backup(HOOKS, at(cluster)):
        raise OSError("disk full")
    assert names(seen) == ["dump", "unlock"]


def test_no_backup_is_made_after_a_hook_that_failed_and_its_last_words_are_told_without_secrets() -> None:
    cluster = playing("Failed", 1, f"connecting\nlogin with {SECRET} failed")
    said = r"before_backup hook dump failed: exit status 1; it last said: login with"
    with pytest.raises(HookFailed, match=said) as caught, around_backup(HOOKS, at(cluster)):
        raise AssertionError("no backup may be made")
    assert SECRET not in str(caught.value)


def test_after_a_restore_its_hooks_run_and_say_so() -> None:
    checks = run_hooks(HOOKS, "after_restore", at(playing("Complete", log="42 rows loaded")))
    assert [(check.validator, check.kind, check.verdict) for check in checks] == [("load", "after_restore", Verdict.PASSED)]
    assert checks[0].evidence["log"] == "42 rows loaded"


@pytest.mark.slow
def test_a_hook_that_never_ends_is_ended_at_its_deadline() -> None:
    cluster = playing(None)
    with pytest.raises(HookFailed, match="hook load did not end within 2 s"):
        run_hooks(HOOKS, "after_restore", at(cluster))
    assert jobs(cluster) == []


def test_a_hook_by_tag_is_not_run_unless_the_app_is_marked_development() -> None:
    hook = Hook(name="load", when="after_restore", image=TAG, command=("x",), deadline=2)
    with pytest.raises(HookFailed, match="is a tag"):
        run_hooks((hook,), "after_restore", at(playing("Complete")))
    assert run_hooks((hook,), "after_restore", at(playing("Complete"), development=True))
