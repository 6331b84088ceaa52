"""One recovery, handler by handler, with a person and an agent played by the test: what each leaves for the next."""

import json
from typing import Any

import pytest

from lambdas.approve.handler import handler as approve
from lambdas.console.handler import handler as console
from lambdas.detect.handler import handler as detect
from lambdas.failback.handler import handler as failback
from lambdas.launch.handler import handler as launch
from lambdas.plan.handler import handler as plan
from lambdas.promote.handler import handler as promote
from lambdas.report.handler import handler as report
from lambdas.restore.handler import handler as restore
from lambdas.serve.handler import handler as serve
from lambdas.teardown.handler import handler as teardown
from lambdas.validate.handler import handler as validate
from relight.adapters import aws
from relight.errors import RelightError
from relight.evidence.binding import digest, evidence_hash
from relight.evidence.verify import verify_copy
from relight.model import canonical, now
from tests.handlers.cast import post
from tests.handlers.conftest import EVIDENCE, RUN_ID, STORAGE, World, backup, run

POINTER = f"s3://{STORAGE}/app/site/active.json"
TOKENS = {
    phase: f"{phase}-task-token-that-nobody-may-see" for phase in ("restore", "validate", "approve", "promote", "serve")
}


class Recovery:
    """Plays the state machine: calls handlers with the variables so far."""

    def __init__(self, world: World, **request: Any) -> None:
        self.world, self.run = world, run(**request)
        self.known: dict[str, Any] = {}

    def call(self, handler: Any, name: str | None = None, attempt: int = 0, **more: Any) -> Any:
        answer = json.loads(json.dumps(handler({"run": self.run, "attempt": attempt, **self.known, **more}, None)))
        if name:
            self.known[name] = answer
        return answer

    def to_validated(self, verdict: str = "PASSED") -> "Recovery":
        self.call(detect, "detection")
        self.call(plan, "plan")
        self.call(launch, "launch", rung=0)
        self.call(restore, task_token=TOKENS["restore"])
        self.known["restore"] = {
            "outcome": "COMPLETE", "ledger": {"uri": "s3://e/l", "sha256": "c" * 64}, "counts": {"created": 1},
            "volume_bytes": 0, "volume_files": 0, "seconds": 1.5, "cluster": "v1.30",
        }  # fmt: skip
        self.call(validate, task_token=TOKENS["validate"])
        self.known["validation"] = self._validation(verdict)
        return self

    def _validation(self, verdict: str) -> dict[str, Any]:
        checks = [
            {"validator": "ready", "kind": "ready", "verdict": verdict, "detail": "1 of 1", "seconds": 1.0, "evidence": {}}
        ]
        document = canonical({"checks": checks})
        uri = f"s3://{EVIDENCE}/ledger/{RUN_ID}/artifacts/checks.json"
        self.world.store.put(uri, document)
        bound = evidence_hash(self.known["plan"]["hash"], self.known["plan"]["metadata_sha256"], digest(document))
        evidence = {"uri": uri, "sha256": digest(document)}
        return {"verdict": verdict, "checks": checks, "evidence": evidence, "evidence_hash": bound}

    def approved(self, caller: str = "arn:aws:iam::1:user/bob") -> "Recovery":
        self.call(approve, task_token=TOKENS["approve"])
        status, body = post("approve", caller, evidence_hash=self.known["validation"]["evidence_hash"])
        assert status == 200, body
        self.known["approval"] = body["decision"]
        return self

    def promoted(self) -> "Recovery":
        self.call(promote, task_token=TOKENS["promote"])
        self.known["promotion"] = {"promoted_at": "2026-11-23T03:10:00Z", "actions": []}
        return self

    def end(self, outcome: str, failure: dict[str, Any] | None = None) -> dict[str, Any]:
        self.call(teardown, "cleared", outcome=outcome, failure=failure)
        ending: dict[str, Any] = self.call(report, outcome=outcome, failure=failure)
        return ending


@pytest.fixture
def broken(world: World) -> World:
    """The app last published long ago; it has one good backup."""
    world.publish("2026-01-01T03:05:00Z")
    backup(world)
    return world


def test_an_incident_goes_from_alarm_to_promotion_and_back_and_leaves_nothing_but_evidence(broken: World) -> None:
    recovery = Recovery(broken).to_validated().approved().promoted()
    pointer = json.loads(broken.store.get(POINTER))
    assert pointer["site"] == f"relight/{RUN_ID}"
    assert pointer["instance_id"] == recovery.known["launch"]["instance_id"]

    recovery.call(serve, task_token=TOKENS["serve"])
    assert post("failback", "arn:aws:iam::1:user/bob", confirm=True)[0] == 200
    freeze = [task for task in broken.table.mailbox(recovery.known["launch"]["principal"]).tasks if task.phase == "serve"]
    asked = {"action": "freeze", "requested_by": "arn:aws:iam::1:user/bob", "cycle": 0, "hold": False}
    assert freeze[0].inputs == asked | {"primary": "", "restored": None}
    recovery.known["frozen"] = {"requested_by": "bob", "frozen": True, "detail": "", "at": now()}
    recovery.call(failback, "handback")
    assert broken.store.get(POINTER) == b'{"site":"primary"}'

    ending = recovery.end("Succeeded")
    assert ending["outcome"] == "Succeeded"
    assert broken.live() == []
    assert broken.table.lease("ledger") is None
    assert [receipt["phase"] for receipt in broken.receipts()] == [
        "detect", "plan", "launch", "restore", "validate", "approve", "promote", "serve", "failback", "teardown", "report",
    ]  # fmt: skip
    assert verify_copy(f"s3://{EVIDENCE}/ledger/{RUN_ID}") == []


def test_no_token_is_in_the_evidence_the_status_or_the_log(broken: World, capsys: pytest.CaptureFixture[str]) -> None:
    recovery = Recovery(broken).to_validated().approved().promoted()
    recovery.call(serve, task_token=TOKENS["serve"])
    recovery.end("Failed", {"phase": "Serve", "error": "X", "cause": ""})
    event = {
        "routeKey": "GET /runs/{run_id}",
        "pathParameters": {"run_id": RUN_ID},
        "requestContext": {"authorizer": {"iam": {"userArn": "arn:x"}}},
    }
    seen = broken.everything() + console(event, None)["body"] + str(capsys.readouterr())
    assert not [token for token in TOKENS.values() if token in seen]


def test_every_handler_may_be_called_again_and_changes_nothing_twice(broken: World) -> None:
    recovery = Recovery(broken).to_validated().approved()
    before = recovery.known["launch"]["instance_id"]
    assert recovery.call(launch, rung=0)["instance_id"] == before
    assert recovery.call(launch, rung=0, attempt=1)["instance_id"] == before
    recovery.promoted().promoted()
    moved = broken.table.notes(RUN_ID)
    assert [move.before for move in moved] == ['{"site":"primary"}']
    assert len(broken.live()) == 1
    phases = [(receipt["phase"], receipt["attempt"]) for receipt in broken.receipts()]
    assert len(phases) == len(set(phases))


def test_a_teardown_after_a_failed_promotion_puts_the_pointer_back(broken: World) -> None:
    recovery = Recovery(broken).to_validated().approved()
    recovery.call(promote, task_token=TOKENS["promote"])
    ending = recovery.end("Failed", {"phase": "Promote", "error": "RunnerLost", "cause": "silent"})
    assert broken.store.get(POINTER) == b'{"site":"primary"}'
    assert broken.live() == []
    assert "Promote: RunnerLost: silent" in ending["summary"]
    assert [receipt["error"]["type"] for receipt in broken.receipts() if receipt["phase"] == "promote"] == ["RunnerLost"]


def test_production_is_not_torn_down_when_failback_finds_that_somebody_moved_the_pointer(broken: World) -> None:
    recovery = Recovery(broken).to_validated().approved().promoted()
    recovery.call(serve, task_token=TOKENS["serve"])
    broken.store.put(POINTER, b'{"site":"somewhere-else"}')
    recovery.known["frozen"] = {"requested_by": "bob", "frozen": True, "detail": "", "at": now()}
    with pytest.raises(RelightError, match="moved by somebody else"):
        recovery.call(failback)
    ending = recovery.end("Failed", {"phase": "Failback", "error": "Diverged", "cause": "moved"})
    assert broken.live() == [recovery.known["launch"]["instance_id"]]
    assert broken.store.get(POINTER) == b'{"site":"somewhere-else"}'
    assert recovery.known["cleared"]["held"]
    assert "is kept" in ending["summary"]


PROOF: list[tuple[Any, str]] = [
    (lambda r: r.known["validation"].update(verdict="COULD_NOT_VERIFY"), "did not pass"),
    (lambda r: r.known["approval"].update(evidence_hash="f" * 64), "bound to other evidence"),
    (lambda r: r.known["approval"].update(approver="arn:aws:iam::1:user/mallory"), "another one"),
    (lambda r: r.run.update(mode="drill"), "a drill is never promoted"),
    (lambda r: r.world.store.put(f"{r.known['plan']['backup_uri']}/metadata.json", b"{}"), "the backup was changed"),
]
MORE_PROOF: list[tuple[Any, str]] = [
    (lambda r: r.known["validation"]["checks"][0].update(verdict="TIMED_OUT"), "a check did not pass"),
    (lambda r: r.known["validation"].update(checks=[]), "did not pass"),
    (lambda r: r.known["plan"].update(hash="f" * 64), "not this plan's"),
    (lambda r: r.world.store.put(r.known["validation"]["evidence"]["uri"], b"{}"), "document was changed"),
    (lambda r: r.world.store.put(f"{r.known['plan']['uri']}/manifest.json", b"{}"), "the plan was changed"),
    (lambda r: r.world.store.put(f"{r.known['plan']['uri']}/objects.jsonl", b"{}"), "objects.jsonl of the plan was"),
    (lambda r: r.world.store.delete(f"{r.known['plan']['backup_uri']}/metadata.json"), "the backup is gone"),
]


@pytest.mark.parametrize(("damage", "why"), [*PROOF, *(pytest.param(*row, marks=pytest.mark.slow) for row in MORE_PROOF)])
def test_nothing_is_promoted_unless_all_of_the_proof_is_there(broken: World, damage: Any, why: str) -> None:
    recovery = Recovery(broken).to_validated().approved()
    damage(recovery)
    with pytest.raises(RelightError, match=why):
        recovery.call(promote, task_token=TOKENS["promote"])
    assert broken.store.get(POINTER) == b'{"site":"primary"}'
    assert "promote" not in broken.table.tokens(RUN_ID)


def test_a_run_whose_runner_died_while_people_were_thinking_is_not_promoted(broken: World) -> None:
    recovery = Recovery(broken).to_validated().approved()
    aws.client("ec2").terminate_instances(InstanceIds=broken.live())
    with pytest.raises(RelightError, match="is not alive"):
        recovery.call(promote, task_token=TOKENS["promote"])
    assert broken.store.get(POINTER) == b'{"site":"primary"}'


def test_an_approval_that_nobody_gave_leaves_a_receipt_that_says_so(broken: World) -> None:
    recovery = Recovery(broken).to_validated()
    recovery.call(approve, task_token=TOKENS["approve"])
    assert recovery.end("Expired")["outcome"] == "Expired"
    [receipt] = [one for one in broken.receipts() if one["phase"] == "approve"]
    assert receipt["error"]["type"] == "ApprovalExpired"
    assert receipt["outputs"] == {"approvals": []}


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["Restore", "Validate", "Approve"])
def test_a_runner_that_went_silent_is_ended_and_its_phase_has_a_receipt(broken: World, phase: str) -> None:
    recovery = Recovery(broken).to_validated()
    recovery.call(approve, task_token=TOKENS["approve"])
    if phase != "Approve":
        broken.table._update(
            f"run#{RUN_ID}", f"phase#{4 if phase == 'Restore' else 5:02d}#{phase.lower()}", {"ended_at": None}
        )
    for uri in [i.uri for i in broken.store.list(f"s3://{EVIDENCE}/ledger/{RUN_ID}/") if phase.lower() in i.uri]:
        broken.store.delete(uri)
    recovery.end("Failed", {"phase": phase, "error": "States.HeartbeatTimeout", "cause": ""})
    found = [one["error"]["type"] for one in broken.receipts() if one["phase"] == phase.lower() and one["error"]]
    assert found == ["States.HeartbeatTimeout"]
    assert broken.live() == []


def test_a_request_that_makes_no_sense_still_gets_its_receipts_and_its_report(world: World) -> None:
    recovery = Recovery(world, mode="sideways")
    with pytest.raises(RelightError, match="mode"):
        recovery.call(detect)
    ending = recovery.end(
        "Failed", {"phase": "Detect", "error": "RequestInvalid", "cause": '{"errorMessage": "mode: wrong"}'}
    )
    assert "RequestInvalid: mode: wrong" in ending["summary"]
    assert [receipt["phase"] for receipt in world.receipts()] == ["detect", "teardown", "report"]
