"""Backups that only their recipients can open: from the cluster to a drill, and what happens when the key is taken away."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from relight.adapters.s3 import S3
from relight.backup.reader import open_backup
from relight.backup.recipients import load_private, public_text
from relight.backup.seal import Seal
from relight.config import App, Encryption
from tests.runs.invariants import holds
from tests.runs.stage import SAMPLE, Stage
from tests.support import free_port

pytestmark = pytest.mark.slow


class Sealed(Stage):
    """``offline``: the private key from the safe. ``key``: the KMS key's ARN."""

    offline: Path
    key: str

    def _described(self, app: App) -> App:
        self.offline = self._state / "offline.pem"
        private = X25519PrivateKey.generate()
        self.offline.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.key = self.aws("kms").create_key()["KeyMetadata"]["Arn"]
        offline = public_text(load_private(self.offline))
        return replace(app, encryption=Encryption(kms_keys=(self.key,), offline_keys=(offline,)))

    def relight(self, *arguments: str) -> str:
        """What the command line answers, to a person with the rights of an administrator."""
        with self.signed_in():
            command = [sys.executable, "-m", "relight.cli", *arguments, "--config", str(SAMPLE)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def seal(self) -> Seal:
        with self.signed_in():
            found = open_backup(S3(), self.backup_uri).seal
        assert found
        return found

    def mailbox(self) -> str:
        """A queue's URL, to which everything goes that people are told."""
        queue = str(self.aws("sqs").create_queue(QueueName="mailbox")["QueueUrl"])
        arn = self.aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.aws("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        for topic in self.aws("sns").list_topics()["Topics"]:
            self.aws("sns").subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn)
        return queue

    def messages(self, queue: str) -> list[str]:
        found = self.aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [row["Body"] for row in found]

    def custody(self, run_id: str) -> dict[str, str]:
        """What Plan's receipt says of each recipient, by its kind."""
        rows = [row for one in self.receipts(run_id) if one["phase"] == "plan" for row in one["verdicts"]]
        return {row["detail"].split()[0]: row["verdict"] for row in rows if row["check"] == "key custody"}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    made = Sealed(tmp_path_factory.mktemp("sealed"), free_port())
    try:
        made.up()
        yield made
    finally:
        made.engine.down()


@pytest.fixture
def stage(sealed: Sealed) -> Iterator[Sealed]:
    yield sealed
    sealed.clear()


def test_a_person_opens_it_with_the_role_or_with_the_key_from_the_safe(stage: Sealed, tmp_path: Path) -> None:
    stage.relight("backup", "verify", stage.backup_uri)
    for name, key in (("role", []), ("safe", ["--key", str(stage.offline)])):
        stage.relight("backup", "decrypt", stage.backup_uri, "--to", str(tmp_path / name), *key)
    plain = [(tmp_path / name / "state.tar.zst").read_bytes() for name in ("role", "safe")]
    assert plain[0] == plain[1] and plain[0].startswith(b"\x28\xb5\x2f\xfd")


def test_a_drill_opens_it_and_nobody_is_told_the_key(stage: Sealed) -> None:
    mailbox = stage.mailbox()
    run_id = stage.start(mode="drill")
    assert stage.ended(run_id)["end"] == "Succeeded"
    holds(stage, run_id)
    assert stage.custody(run_id) == {"kms": "PASSED", "x25519": "COULD_NOT_VERIFY"}
    key = stage.seal().key
    with stage.signed_in():
        wrapped = json.loads(S3().get(f"{stage.backup_uri}/metadata.json"))["encryption"]["recipients"]
    rows = stage.aws("dynamodb").scan(TableName=stage.deployment.table, ConsistentRead=True)["Items"]  # orders and tasks
    messages = stage.messages(mailbox)
    said = "".join([stage.said(run_id), json.dumps([stage.execution(run_id), rows], default=str), *messages])
    forms = [b64encode(key).decode(), key.hex(), *(row["wrapped"] for row in wrapped), "PRIVATE KEY"]
    assert "opened the backup" in said  # what is looked through is what the run left
    assert run_id in "".join(messages) and "order" in json.dumps(rows)
    assert not [form for form in forms if form in said]


def test_the_catalog_opens_it_proves_each_frame_and_a_drill_marks_it_as_proven(stage: Sealed) -> None:
    stage.call("catalog", {"app": "sample"})
    before = json.loads(stage.relight("backups", "-o", "json"))
    backup_id = stage.backup_uri.rpartition("/")[2]
    assert before["marks"]["last-valid"]["backup_id"] == backup_id
    assert before["backups"][0]["catalog"]["audit"]["reason"] == "every byte of 1 frames and its digest"
    run_id = stage.start(mode="drill")
    assert stage.ended(run_id)["end"] == "Succeeded"
    after = json.loads(stage.relight("backups", "-o", "json"))
    assert after["marks"]["last-proven"]["backup_id"] == backup_id
    assert after["backups"][0]["catalog"]["proven_by"] == run_id


def test_the_report_names_the_person_who_proved_the_key_from_the_safe(stage: Sealed) -> None:
    said = stage.relight("backup", "prove-key", stage.backup_uri, "--key", str(stage.offline), "-o", "json")
    proof = json.loads(said)["proof"]
    run_id = stage.start(mode="drill")
    assert stage.ended(run_id)["end"] == "Succeeded"
    assert stage.custody(run_id) == {"kms": "PASSED", "x25519": "PASSED"}
    with stage.signed_in():
        page = S3().get(f"{stage.evidence(run_id)}/report.html").decode()
    assert f"was last proven by {proof['by']} on {proof['at'][:10]}" in page


def test_a_disabled_key_ends_the_drill_before_a_runner_is_launched(stage: Sealed) -> None:
    stage.aws("kms").disable_key(KeyId=stage.key)
    try:
        run_id = stage.start(mode="drill")
        assert stage.ended(run_id)["end"] != "Succeeded"
    finally:
        stage.aws("kms").enable_key(KeyId=stage.key)
    assert "Launch" not in stage.entered(run_id)
    error = next(one["error"] for one in stage.receipts(run_id) if one["phase"] == "plan")
    assert "it is disabled; enable it" in json.dumps(error)
    assert stage.runners(run_id) == []
