"""A runner that is production: it says how it is, is backed up on schedule, and frozen and backed up before failback."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relight.agent.serving import due
from relight.agent.site import Production, Restored, Site
from relight.config import App, Serving
from relight.errors import BackupNotTaken
from relight.model import Keys, RestoreOutcome, Taken, Vitals, decode, timestamp
from relight.records import replace
from tests.agent.rig import APP, BACKUP_URI, Runner, make_order
from tests.agent.steps import answer
from tests.agent.world import a_task
from tests.support import eventually

KEYS = Keys(access_key_id="ASIA", secret_access_key="s3cret", session_token="t0ken", expires_at="2099-01-01T00:00:00Z")
TAKEN = Taken(backup_id="b1", uri=BACKUP_URI, created_at="2026-11-23T02:00:00Z")


@dataclass
class Takings:
    """Stands for the process that writes a backup: it fails as often as it is told, then one is there."""

    troubles: list[str] = field(default_factory=list)
    taken: int = 0

    def take(self, *_: Any) -> Taken:
        if self.troubles:
            raise BackupNotTaken(self.troubles.pop(0))
        self.taken += 1
        return TAKEN


@pytest.fixture
def takings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Takings]:
    made = Takings()
    monkeypatch.setattr("relight.agent.taking.Taking.take", made.take)
    monkeypatch.setattr("relight.agent.serving.LOOK", 0.05)
    yield made


def freeze(attempt: int = 0) -> Any:
    return replace(a_task("serve", action="freeze", requested_by="ada", cycle=30), attempt=attempt)


def serving(runner: Runner, **app: Any) -> None:
    order = make_order()
    plan = order.plan
    stands = Restored(run_id="run-1", plan_hash=plan.hash, metadata_sha256=plan.metadata_sha256, objects=())
    Site(runner.data).end(stands, RestoreOutcome.COMPLETE, {})
    runner.order(replace(order, app=order.app | app))
    runner.table.put_keys(runner.principal, KEYS)


def vitals(runner: Runner, wanted: Any = lambda vitals: True) -> Vitals:
    def look() -> Vitals | None:
        found = runner.table.vitals(runner.principal)
        return found if found and wanted(found) else None

    found: Vitals = eventually(look, "it says how it is")
    return found


def server() -> dict[str, Any]:
    named = {"name": "web", "namespace": "ledger"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named, "spec": {"replicas": 2}, "status": {}}


# ---------------------------------------------------------------- how it is, and its backups
def test_production_says_how_it_is_and_what_is_wrong_with_it(runner: Runner, takings: Takings) -> None:
    serving(runner)
    agent = runner.start()
    assert vitals(runner).well
    runner.cluster.objects["Deployment", "ledger", "web"] = server()
    said = vitals(runner, lambda vitals: not vitals.well).said
    agent.stop()
    assert said == "Deployment web: 0 of 2 available"


def test_production_is_backed_up_on_the_apps_schedule_and_says_when(runner: Runner, takings: Takings) -> None:
    serving(runner, serving={"cron": "* * * * *", "zone": "UTC"})
    Site(runner.data).serve(Production(began_at="2026-11-23T02:00:00Z"))
    agent = runner.start()
    assert vitals(runner, lambda vitals: vitals.taken).taken == TAKEN
    agent.stop()


def test_a_backup_that_was_not_taken_is_told_and_not_tried_again_at_once(runner: Runner, takings: Takings) -> None:
    takings.troubles = ["backup: no room"]
    serving(runner, serving={"cron": "* * * * *", "zone": "UTC"})
    Site(runner.data).serve(Production(began_at="2026-11-23T02:00:00Z"))
    agent = runner.start()
    assert vitals(runner, lambda vitals: vitals.trouble).trouble == "backup: no room"
    agent.stop()
    assert takings.taken == 0


def test_a_runner_without_keys_says_nothing_and_writes_no_backup(runner: Runner, takings: Takings) -> None:
    """A drill's runner: nobody ever gives it keys."""
    order = make_order()
    runner.order(replace(order, app=order.app | {"serving": {"cron": "* * * * *", "zone": "UTC"}}))
    Site(runner.data).serve(Production(began_at="2026-11-23T02:00:00Z"))
    runner.give(a_task("restore"))
    agent = runner.start()
    answer(runner)
    agent.stop()
    assert (runner.table.vitals(runner.principal), takings.taken) == (None, 0)


AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "last", "trouble", "is_due"),
    [
        (None, timedelta(hours=2, minutes=59), "", False),  # the RPO is six hours: twice in each
        (None, timedelta(hours=3), "", True),
        ("0 11 * * *", timedelta(minutes=59), "", False),
        ("0 11 * * *", timedelta(minutes=61), "", True),
        ("0 11 * * *", timedelta(minutes=61), "just failed", False),
    ],
)
def test_when_a_backup_is_due(cron: str | None, last: timedelta, trouble: str, is_due: bool) -> None:
    app = replace(decode(APP, App), rpo=6 * 3600, serving=Serving(cron=cron))
    so_far = Production(began_at=timestamp(AT - last), tried_at=timestamp(AT - timedelta(minutes=1)), trouble=trouble)
    assert due(app, so_far, AT) is is_due


# ---------------------------------------------------------------- failback
def test_a_failback_freezes_and_takes_a_last_backup_before_it_answers(runner: Runner, takings: Takings) -> None:
    serving(runner)
    runner.give(freeze())
    agent = runner.start()
    kind, frozen = answer(runner)
    agent.stop()
    assert (kind, frozen["frozen"], frozen["cycle"], frozen["requested_by"]) == ("succeeded", True, 30, "ada")
    assert frozen["taken"]["uri"] == BACKUP_URI
    assert [(step["action"], step["done"]) for step in frozen["steps"]] == [("freeze", True), ("final backup", True)]
    assert runner.receipts("serve")[-1]["outputs"]["steps"] == list(frozen["steps"])


def test_a_failback_that_stops_leaves_production_and_goes_on_there_when_it_is_asked_again(
    runner: Runner, takings: Takings
) -> None:
    takings.troubles = ["backup: the bucket is not there"]
    runner.cluster.objects["Deployment", "ledger", "web"] = server()
    serving(runner)
    runner.give(freeze())
    agent = runner.start()
    stopped = vitals(runner, lambda vitals: len(vitals.failback) == 2).failback
    assert [(step.done, step.detail[:6]) for step in stopped] == [(True, "2 acti"), (False, "backup")]
    assert runner.line.answers == []

    runner.give(freeze(attempt=1))
    kind, frozen = answer(runner)
    agent.stop()
    assert (kind, frozen["frozen"], runner.cluster.patched) == ("succeeded", True, [("Deployment", "web")])
    assert [one["error"] and one["error"]["type"] for one in runner.receipts("serve")] == ["FailbackStopped", None]


def test_a_last_backup_that_does_not_verify_is_none(
    runner: Runner, takings: Takings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relight.agent.tasks.serve.problems", lambda *_, **__: [BackupNotTaken("digest differs")])
    serving(runner)
    runner.give(freeze())
    agent = runner.start()
    stopped = vitals(runner, lambda vitals: len(vitals.failback) == 2).failback
    agent.stop()
    assert (stopped[1].done, "digest differs" in stopped[1].detail, runner.line.answers) == (False, True, [])


def test_an_agent_that_is_started_again_between_two_steps_goes_on_with_the_second(runner: Runner, takings: Takings) -> None:
    takings.troubles = ["backup: the agent is about to be killed"]
    serving(runner)
    runner.give(freeze())
    agent = runner.start()
    vitals(runner, lambda vitals: len(vitals.failback) == 2)
    agent.stop()
    again = runner.start()
    assert answer(runner)[1]["frozen"] is True
    again.stop()


def test_no_key_is_in_what_it_says_or_in_its_evidence(
    runner: Runner, takings: Takings, capsys: pytest.CaptureFixture[str]
) -> None:
    serving(runner)
    runner.give(freeze())
    agent = runner.start()
    answer(runner)
    agent.stop()
    seen = str(vitals(runner)) + str(runner.evidence()) + str(capsys.readouterr()) + repr(KEYS)
    assert not [secret for secret in (KEYS.secret_access_key, KEYS.session_token) if secret in seen]
    assert (runner.data / "keys/keys.json").stat().st_mode & 0o077 == 0
