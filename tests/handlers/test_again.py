"""Nobody decided in time: the runner is held for a while, and somebody may ask again without restoring."""

import json
import time
from typing import Any

import pytest

from lambdas.approve.handler import handler as approve
from lambdas.plan.handler import handler as plan
from lambdas.reap.handler import handler as reap
from relight.adapters import aws
from relight.adapters.workflow import Workflow
from relight.errors import Conflict, LeaseHeld
from relight.model import Run, Tag, decode, encode
from relight.times import epoch
from tests.handlers.cast import ANN, BOB, Cast, post
from tests.handlers.conftest import RUN_ID, World, backup, run
from tests.handlers.machine import Machine
from tests.handlers.test_console import ask
from tests.handlers.test_matrix import instances
from tests.handlers.test_recovery import TOKENS, Recovery
from tests.handlers.test_votes import Asked, asked, no

__all__ = ["asked"]  # a fixture
pytestmark = pytest.mark.slow

AGAIN = f"{RUN_ID}-r2"


@pytest.fixture
def started(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Executions by name, as AWS has them: one a name, and the same name for another request is a conflict."""
    kept: dict[str, Any] = {}

    def start(self: Workflow, run_id: str, request: Any) -> str:
        if kept.setdefault(run_id, request) != request:
            raise Conflict(f"run {run_id}: was started before with another request")
        return f"arn:{run_id}"

    monkeypatch.setattr(Workflow, "start", start)
    return kept


def expired(asked: Asked, **rules: Any) -> Recovery:
    recovery = asked(**rules)
    recovery.world.gone.add(TOKENS["approve"])
    recovery.end("Expired")
    return recovery


def again(who: str = BOB, run_id: str = RUN_ID, **body: Any) -> tuple[int, dict[str, Any]]:
    return post("request", who, run_id, **body)


def test_an_expired_runner_is_held_for_a_while_and_every_guard_knows_how_long(asked: Asked) -> None:
    recovery = expired(asked, request_hold=900)
    world, [runner] = recovery.world, recovery.world.live()
    until = epoch(recovery.known["cleared"]["held_until"])
    assert 890 <= until - time.time() <= 900
    lease, mail = world.table.lease("ledger"), world.table.mailbox(recovery.known["launch"]["principal"])
    tags = {tag["Key"]: tag["Value"] for tag in instances(runner)[0]["Tags"]}
    assert lease and (lease.undecided, lease.held, lease.expires_at) == (True, True, until)
    assert (mail.lease_expires_at, int(tags[Tag.EXPIRES])) == (until, until)
    report = json.loads(world.store.get(f"s3://evidence/ledger/{RUN_ID}/report.json"))
    assert f"relight request {RUN_ID}" in report["summary"]
    aws.client("ec2").create_tags(Resources=[runner], Tags=[{"Key": Tag.EXPIRES, "Value": str(int(time.time()) - 900)}])
    reap({}, None)
    assert world.live() == []


def test_it_is_held_no_longer_than_it_would_have_lived_anyway(asked: Asked) -> None:
    recovery = expired(asked, request_hold=999_999)
    assert epoch(recovery.known["cleared"]["held_until"]) <= epoch(recovery.known["launch"]["expires_at"])


@pytest.mark.parametrize("hold", [0, 30])
def test_a_hold_in_which_nobody_could_ask_is_none(asked: Asked, hold: int) -> None:
    recovery = expired(asked, request_hold=hold)
    assert recovery.world.live() == []
    assert recovery.world.table.lease("ledger") is None


def test_a_rejected_run_is_torn_down_at_once(asked: Asked) -> None:
    recovery = asked()
    assert no()[0] == 200
    recovery.known["approval"] = json.loads(recovery.world.answered[-1][2]["output"])
    recovery.end("Rejected")
    assert recovery.world.live() == []
    assert again()[1]["error"] == "NothingToDecide"


def test_a_request_starts_one_run_that_validates_what_is_held(asked: Asked, started: dict[str, Any]) -> None:
    recovery = expired(asked)
    status, body = again(reason="I am awake now")
    assert (status, body["run_id"]) == (200, AGAIN)
    request = started[AGAIN]
    assert (request.start_at, request.mode, request.backup) == ("validate", "incident", recovery.known["plan"]["backup_uri"])
    assert request.reason == f"asked again by {BOB}: I am awake now"
    assert ask("GET /runs/{run_id}")[1]["again"] == {"run_id": AGAIN, "until": None}


def test_who_asked_for_the_recovery_stays_its_initiator(asked: Asked, started: dict[str, Any]) -> None:
    """Bob asks again for what Ann had asked for: Ann still may not approve it, and Bob may."""
    expired(asked)
    again(BOB)
    assert started[AGAIN].initiator == ANN


def test_two_who_ask_are_one_run(asked: Asked, started: dict[str, Any]) -> None:
    expired(asked)
    assert [again(who)[1]["run_id"] for who in (BOB, ANN, BOB)] == [AGAIN] * 3
    assert list(started) == [AGAIN]


def test_two_who_ask_at_once_are_one_run(asked: Asked, started: dict[str, Any]) -> None:
    """The other's execution is there already, its record not yet."""
    expired(asked)
    started[AGAIN] = "the other's"
    assert again()[1]["run_id"] == AGAIN
    assert started[AGAIN] == "the other's"


def test_a_second_expiry_is_asked_for_under_the_next_number(asked: Asked, started: dict[str, Any]) -> None:
    recovery = expired(asked)
    again()
    second = dict(encode(started[AGAIN])) | {"run_id": AGAIN, "started_at": run()["started_at"], "execution_arn": "arn:x"}
    made = plan({"run": second, "attempt": 0}, None)
    assert made["adopted"]["instance_id"] == recovery.known["launch"]["instance_id"]
    assert again()[1]["run_id"] == AGAIN
    recovery.world.table.note_run(decode(second, Run), outcome="Expired")
    recovery.world.table.update_lease(decode(second, Run), held=True, undecided=True)
    assert again(run_id=AGAIN)[1]["run_id"] == f"{RUN_ID}-r3"


@pytest.mark.parametrize("gone", ["died", "given up", "past"])
def test_when_the_runner_is_no_longer_held_it_says_so_and_starts_nothing(
    asked: Asked, started: dict[str, Any], gone: str
) -> None:
    recovery = expired(asked)
    world, this = recovery.world, decode(recovery.run, Run)
    if gone == "died":
        aws.client("ec2").terminate_instances(InstanceIds=world.live())
    elif gone == "given up":
        world.table.release_lease(this)
    else:
        world.table.update_lease(this, expires_at=int(time.time()) - 1)
    status, body = again()
    assert (status, body["error"]) == (409, "RunnerGone")
    assert started == {}


def test_a_run_that_waits_is_not_asked_for_again(asked: Asked, started: dict[str, Any]) -> None:
    asked()
    assert again()[1]["error"] == "NothingToDecide"
    assert started == {}


def test_approving_an_expired_run_is_too_late_and_says_how_to_ask_again(asked: Asked) -> None:
    recovery = expired(asked)
    recovery.world.table._update(f"run#{RUN_ID}", "approval", {"expires_at": int(time.time()) - 1})
    status, body = post("approve", BOB, evidence_hash=recovery.known["validation"]["evidence_hash"])
    assert (status, body["error"]) == (410, "ApprovalExpired")
    assert f"relight request {RUN_ID}" in body["message"]


def test_a_new_incident_goes_before_what_is_only_held_and_a_drill_does_not(asked: Asked) -> None:
    recovery = expired(asked)
    with pytest.raises(LeaseHeld, match="relight request"):
        plan({"run": run(run_id="drill-1", mode="drill"), "attempt": 0}, None)
    assert plan({"run": run(run_id="incident-2"), "attempt": 0}, None)["backup_id"] == "b1"
    lease = recovery.world.table.lease("ledger")
    assert lease and (lease.run_id, lease.held, lease.undecided) == ("incident-2", False, False)
    assert again()[1]["error"] == "RunnerGone"


def test_what_was_asked_again_is_validated_approved_and_promoted(world: World, started: dict[str, Any]) -> None:
    """The whole way, through the state machine's own file."""
    world.publish("2026-01-01T03:05:00Z")
    backup(world)
    assert Machine(world, Cast(world, decision="")).play(initiator=ANN) == "Expired"
    [runner] = world.live()
    again()
    machine = Machine(world, Cast(world), run_id=AGAIN)
    assert machine.play(**{**encode(started[AGAIN]), "app": "ledger"}) == "Succeeded"
    assert "launch" not in machine.phases
    assert "promote" in machine.phases
    assert machine.known["launch"]["instance_id"] == runner
    assert world.live() == []
    assert world.table.lease("ledger") is None


def test_the_token_of_an_expired_approval_is_in_no_answer(asked: Asked, started: dict[str, Any]) -> None:
    recovery = expired(asked)
    recovery.call(approve, task_token="another-token-nobody-may-see", attempt=1)
    said = [ask("GET /runs/{run_id}"), ask("GET /runs"), again()]
    assert not [token for token in (*TOKENS.values(), "another-token-nobody-may-see") if token in json.dumps(said)]
