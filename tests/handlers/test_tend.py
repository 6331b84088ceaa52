"""Production on a runner is looked after: its lease, its keys, and people who hear of it when it is not well."""

import json
import time
from typing import Any

import pytest

from lambdas.plan.handler import handler as plan
from lambdas.serve.handler import handler as serve
from lambdas.tend.handler import handler as tend
from relight.adapters import aws
from relight.adapters.arrivals import Arrivals
from relight.adapters.workflow import Execution
from relight.errors import AccessDenied, LeaseHeld, Throttled
from relight.incidents import Incidents
from relight.model import Keys, Taken, Vitals
from relight.records import replace
from relight.times import from_epoch
from tests.handlers.conftest import RUN_ID, STORAGE, World, backup, run
from tests.handlers.test_recovery import TOKENS, Recovery

HOUR, DAY = 3600, 86_400
NOW = 1_795_000_000
TAKEN = Taken(backup_id="b2", uri=f"s3://{STORAGE}/app/backups/b2", created_at=from_epoch(NOW - HOUR))
KEYS = Keys(access_key_id="ASIA", secret_access_key="s3cret", session_token="t0ken", expires_at="2099-01-01T00:00:00Z")


@pytest.fixture
def said(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What people were told."""
    told: list[str] = []
    publish = "relight.adapters.notify.Notifier.publish"
    monkeypatch.setattr(publish, lambda _, subject, text, chat: told.append(f"{subject}\n{text}"))
    return told


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked of STS."""
    seen: list[Any] = []

    def assume(*given: Any) -> Keys:
        seen.append(given)
        return KEYS

    monkeypatch.setattr("relight.production.assume", assume)
    return seen


@pytest.fixture
def served(world: World, said: list[str], asked: list[Any]) -> Recovery:
    """A run whose runner has just become production."""
    world.publish("2026-01-01T03:05:00Z")
    backup(world)
    recovery = Recovery(world).to_validated().approved().promoted()
    recovery.call(serve, task_token=TOKENS["serve"])
    said.clear()
    return recovery


def principal(recovery: Recovery) -> str:
    return str(recovery.known["launch"]["principal"])


def report(recovery: Recovery, **changes: Any) -> None:
    taken = replace(TAKEN, created_at=timestamp_now(HOUR))
    vitals = Vitals(at=timestamp_now(), well=True, said="workloads are available", taken=taken)
    recovery.world.table.report(principal(recovery), replace(vitals, **changes))


def timestamp_now(ago: int = 0) -> str:
    return from_epoch(int(time.time()) - ago)


def age(recovery: Recovery, seconds: int) -> None:
    """As if it had become production, and its lease been written, so long ago."""
    table, at = recovery.world.table, int(time.time()) - seconds
    watched = table.watched(RUN_ID)
    assert watched
    table.watch(RUN_ID, replace(watched, began_at=at, since=at))
    lease = table.lease("ledger")
    assert lease
    table._update("app#ledger", "lease", {"expires_at": lease.expires_at - seconds}, "", {})


def expires(recovery: Recovery) -> tuple[int, int, int]:
    """In seconds from now, wherever a guard looks: the app's lease, the runner's own, its tag."""
    table = recovery.world.table
    lease, mail = table.lease("ledger"), table.mailbox(principal(recovery))
    (found,) = aws.client("ec2").describe_instances(InstanceIds=recovery.world.live())["Reservations"][0]["Instances"]
    (tag,) = [one["Value"] for one in found["Tags"] if one["Key"] == "relight:expires-at"]
    assert lease and mail.lease_expires_at
    return tuple(int(one) - int(time.time()) for one in (lease.expires_at, mail.lease_expires_at, tag))  # type: ignore


def tended(**event: Any) -> Any:
    return tend({"app": "ledger", **event}, None)["ledger"]


# ---------------------------------------------------------------- its lease
def test_production_lives_three_days_at_a_time_wherever_a_guard_looks(served: Recovery) -> None:
    assert all(2.9 * DAY < one <= 3 * DAY for one in expires(served))


def test_a_runner_that_is_well_has_its_lease_renewed(served: Recovery) -> None:
    report(served)
    age(served, 2 * HOUR)
    assert tended() == "well"
    assert all(2.99 * DAY < one <= 3 * DAY for one in expires(served))


def test_a_runner_that_says_nothing_is_not_renewed_and_people_hear_when_it_ends(served: Recovery, said: list[str]) -> None:
    report(served, at=timestamp_now(HOUR))
    age(served, 2 * HOUR)
    assert tended() == "silent"
    assert expires(served)[0] < 3 * DAY - HOUR
    assert "its agent has said nothing for 1 h" in said[0] and "it ends itself at 20" in said[0]


def test_a_runner_that_is_not_well_is_production_still(served: Recovery, said: list[str]) -> None:
    report(served, well=False, said="Deployment web: 0 of 2 available")
    age(served, 2 * HOUR)
    assert (tended(), said) == ("sick", [])  # it may just be restarting
    age(served, HOUR)
    watched = served.world.table.watched(RUN_ID)
    assert watched
    served.world.table.watch(RUN_ID, replace(watched, since=watched.since - HOUR))
    assert tended() == "sick"
    assert expires(served)[0] > 2.99 * DAY
    assert "Deployment web: 0 of 2 available" in said[0] and "its lease is renewed" in said[0]


def test_that_ec2_cannot_be_asked_once_ends_nothing(served: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any) -> Any:
        raise Throttled("ec2: slow down")

    report(served)
    monkeypatch.setattr("relight.adapters.compute.Compute.find", busy)
    with pytest.raises(Throttled):
        tended()
    assert expires(served)[0] > 2.9 * DAY


def test_nobody_is_tended_where_nobody_is_production(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert tended() == "not promoted"
    metric = json.loads(capsys.readouterr().out)
    assert (metric["ProductionUnwell"], metric["app"]) == (0, "ledger")


# ---------------------------------------------------------------- its keys
def test_the_keys_are_for_this_apps_backups_and_for_nothing_else(served: Recovery, asked: list[Any]) -> None:
    assert served.world.table.mailbox(principal(served)).keys == KEYS
    _, session, policy = asked[0]
    rows = json.loads(policy)["Statement"]
    assert session == RUN_ID
    assert {on for row in rows for on in row["Resource"]} == {
        f"arn:aws:s3:::{STORAGE}/app/backups/*", f"arn:aws:s3:::{STORAGE}",
    }  # fmt: skip
    assert len(policy) < 2048


def test_new_keys_come_with_every_look_and_none_to_a_runner_that_is_silent(served: Recovery, asked: list[Any]) -> None:
    report(served)
    tended()
    assert len(asked) == 2
    report(served, at=timestamp_now(HOUR))
    age(served, 2 * HOUR)
    tended()
    assert len(asked) == 2


def test_keys_that_are_refused_do_not_keep_a_lease_from_being_renewed(
    served: Recovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise AccessDenied("sts assume_role: refused")

    report(served)
    age(served, 2 * HOUR)
    monkeypatch.setattr("relight.production.assume", refused)
    with pytest.raises(AccessDenied):
        tended()
    assert expires(served)[0] > 2.99 * DAY


def test_no_run_is_given_keys_before_it_serves(world: World, asked: list[Any], said: list[str]) -> None:
    world.publish("2026-01-01T03:05:00Z")
    backup(world)
    recovery = Recovery(world).to_validated().approved().promoted()
    tended()
    assert (asked, world.table.mailbox(principal(recovery)).keys) == ([], None)


# ---------------------------------------------------------------- it dies
def test_a_runner_that_died_raises_an_alarm_that_offers_a_recovery_from_its_newest_backup(
    served: Recovery, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    report(served)
    aws.client("ec2").terminate_instances(InstanceIds=served.world.live())
    capsys.readouterr()
    assert tended() == "gone"
    assert '"ProductionUnwell": 1' in capsys.readouterr().out
    assert said[0].startswith("Relight: ledger: production is gone")
    assert f"relight recover --app ledger --backup-uri {TAKEN.uri}" in said[0]
    assert f"relight failback {RUN_ID}" in said[0]
    assert tended() == "gone"
    assert len(said) == 2, "to each topic once, then reminded"


def test_nothing_is_launched_or_promoted_by_itself_when_production_dies(served: Recovery) -> None:
    answered = list(served.world.answered)
    aws.client("ec2").terminate_instances(InstanceIds=served.world.live())
    tended()
    assert (served.world.live(), served.world.answered) == ([], answered)
    assert "serve" in served.world.table.tokens(RUN_ID)


def test_a_recovery_takes_the_place_of_production_that_died_and_of_no_other(served: Recovery) -> None:
    with pytest.raises(LeaseHeld):
        plan({"run": run(run_id="run-2"), "attempt": 0}, None)
    aws.client("ec2").terminate_instances(InstanceIds=served.world.live())
    with pytest.raises(LeaseHeld):
        plan({"run": run(run_id="drill-1", mode="drill"), "attempt": 0}, None)
    plan({"run": run(run_id="run-2"), "attempt": 0}, None)
    lease = served.world.table.lease("ledger")
    assert lease and (lease.run_id, lease.promoted) == ("run-2", False)
    what, token, given = served.world.answered[-1]
    assert (what, token, given["error"]) == ("failure", TOKENS["serve"], "RunnerLost")


def test_a_person_may_ask_for_that_recovery_while_the_dead_runs_execution_still_waits(served: Recovery) -> None:
    arrivals = Arrivals("relight")
    arrivals.claim_incident("ledger", RUN_ID, int(time.time()))
    held = served.world.table.lease("ledger")
    incidents = {"arrivals": arrivals, "workflow": Waits(), "machine": "arn:x:stateMachine:m", "clock": time.time}
    assert held and Incidents(**incidents).claim("ledger", "run-2") == RUN_ID  # type: ignore[arg-type]
    assert Incidents(**incidents, died=RUN_ID).claim("ledger", "run-2") is None  # type: ignore[arg-type]


class Waits:
    """Step Functions, whose execution still waits in Serve."""

    def describe(self, arn: str) -> Execution:
        return Execution(arn=arn, status="RUNNING")
