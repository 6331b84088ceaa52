"""Who answers the machine's tokens: the agent on the runner, and people at the console."""

import json
from dataclasses import dataclass, field
from typing import Any

from lambdas.console.handler import handler as console
from relight.adapters.workflow import Workflow
from relight.errors import TaskGone
from relight.evidence.binding import digest, evidence_hash
from relight.evidence.receipts import recorded
from relight.model import Phase, Run, canonical, decode, now
from tests.handlers.conftest import EVIDENCE, RUN_ID, World

ANN, BOB = "arn:aws:iam::1:user/ann", "arn:aws:iam::1:user/bob"
RESTORED = {
    "outcome": "COMPLETE", "ledger": {"uri": "s3://e/l", "sha256": "c" * 64}, "counts": {"created": 1},
    "volume_bytes": 0, "volume_files": 0, "seconds": 1.5, "cluster": "v1.30",
}  # fmt: skip


def post(what: str, caller: str, run_id: str = RUN_ID, **body: Any) -> tuple[int, dict[str, Any]]:
    event = {
        "routeKey": f"POST /runs/{{run_id}}/{what}",
        "pathParameters": {"run_id": run_id},
        "body": json.dumps(body),
        "requestContext": {"authorizer": {"iam": {"userArn": caller}}},
    }
    answer = console(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def validated(world: World, plan: dict[str, Any], verdict: str = "PASSED", run_id: str = RUN_ID) -> dict[str, Any]:
    """A validation whose document lies in the evidence."""
    check = {"validator": "ready", "kind": "ready", "verdict": verdict, "detail": "1 of 1", "seconds": 1.0, "evidence": {}}
    document = canonical({"checks": [check]})
    evidence = {"uri": f"s3://{EVIDENCE}/ledger/{run_id}/artifacts/checks.json", "sha256": digest(document)}
    world.store.put(evidence["uri"], document)
    bound = evidence_hash(plan["hash"], plan["metadata_sha256"], digest(document))
    answer = {"verdict": verdict, "checks": [check], "evidence": evidence, "evidence_hash": bound}
    return {name: value for name, value in answer.items() if value != "missing"}


@dataclass
class Cast:
    """``verdict``: of the validation; ``twice``: every answer is sent again, as after a crash."""

    world: World
    verdict: str = "PASSED"
    decision: str = "approve"
    approver: str = BOB
    break_glass: str = ""
    twice: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    def act(self, phase: str, payload: dict[str, Any]) -> None:
        if phase == "approve":
            self._decide(payload)
        elif phase == "serve":
            assert post("failback", BOB, payload["run"]["run_id"], confirm=True)[0] == 200
        if phase != "approve" and payload["launch"]["instance_id"] in self.world.live():
            self._answer(phase, payload)

    def _decide(self, payload: dict[str, Any]) -> None:
        alive, run_id = payload["launch"]["instance_id"] in self.world.live(), payload["run"]["run_id"]
        body = {"evidence_hash": payload["validation"]["evidence_hash"], "break_glass": self.break_glass}
        body = body if self.decision == "approve" else {"reason": "not today"}
        for _ in range(1 + self.twice):
            if self.decision:
                assert post(self.decision, self.approver, run_id, **body)[0] == (200 if alive else 409)

    def _answer(self, phase: str, payload: dict[str, Any]) -> None:
        found = [one for one in self.world.table.mailbox(payload["launch"]["principal"]).tasks if one.phase == phase]
        assert [one.token for one in found] == [payload["task_token"]]
        this = decode(payload["run"], Run)
        where = f"s3://{EVIDENCE}/ledger/{this.run_id}"
        with recorded(self.world.store, where, this, Phase(phase), payload["attempt"], {}) as record:
            record.outputs = output = self._record(phase, payload)
        for _ in range(1 + self.twice):
            self._send(payload["task_token"], self.errors.pop(phase, ""), output)

    @staticmethod
    def _send(token: str, error: str, output: dict[str, Any]) -> None:
        try:
            if error:
                Workflow().fail(token, error, "as told")
            else:
                Workflow().succeed(token, output)
        except TaskGone:
            return

    def _record(self, phase: str, payload: dict[str, Any]) -> dict[str, Any]:
        if phase == "validate":
            return validated(self.world, payload["plan"], self.verdict, payload["run"]["run_id"])
        at = now()
        answers: dict[str, dict[str, Any]] = {
            "restore": RESTORED,
            "promote": {"promoted_at": at, "actions": []},
            "serve": {"requested_by": BOB, "frozen": True, "detail": "", "at": at},
        }
        return answers[phase]
