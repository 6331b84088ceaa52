"""Receipts and what proves them: written once, also for failures, without secrets, and checkable from a copy alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from relight.adapters.aws import client
from relight.adapters.keys import Signature
from relight.adapters.s3 import S3
from relight.errors import EvidenceWriteFailed, RunnerLost, Throttled
from relight.evidence.closing import Signer, close_chain
from relight.evidence.page import page
from relight.evidence.receipts import chain, recorded
from relight.evidence.report import Ended, build
from relight.evidence.scrub import REMOVED, scrub
from relight.evidence.verify import verify_copy
from relight.model import Failure, Outcome, Phase, Run, canonical
from tests.support import memory_aws, own_clients

PREFIX = "s3://evidence/ledger/run-1"
RUN = Run(app="ledger", run_id="run-1", started_at="2026-11-23T03:00:00Z", execution_arn="arn:x")
KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signer(key: ec.EllipticCurvePrivateKey = KEY) -> Signer:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Signer(
        lambda digest: Signature(value=key.sign(digest, ec.ECDSA(SHA256())), algorithm="ECDSA_SHA_256"), lambda: pem
    )


@pytest.fixture(scope="module")
def clients() -> Iterator[None]:
    with own_clients():
        yield


@pytest.fixture
def store(clients: None) -> Iterator[S3]:
    with memory_aws():
        client("s3").create_bucket(Bucket="evidence")
        yield S3()


def leave(store: S3, phase: Phase, attempt: int = 0, error: Exception | None = None, **inputs: Any) -> None:
    with recorded(store, PREFIX, RUN, phase, attempt, inputs, secrets=("my-own-token",)) as record:
        record.outputs = {"seen": inputs}
        if error:
            raise error


def bodies(store: S3) -> list[dict[str, Any]]:
    return [link.body() for link in chain(store, PREFIX)]


def test_each_receipt_names_the_digest_of_the_one_before(store: S3) -> None:
    for phase in (Phase.DETECT, Phase.PLAN, Phase.LAUNCH):
        leave(store, phase)
    links = chain(store, PREFIX)
    assert [link.uri.rsplit("/", 1)[-1] for link in links] == ["01-detect.json", "02-plan.json", "03-launch.json"]
    assert [link.body()["previous_sha256"] for link in links] == [None, links[0].sha256, links[1].sha256]
    assert all(canonical(link.body()) == link.data for link in links)


def test_a_failed_phase_leaves_its_receipt_and_its_own_error(store: S3) -> None:
    with pytest.raises(RunnerLost, match="silent"):
        leave(store, Phase.RESTORE, error=RunnerLost("went silent"))
    assert bodies(store)[0]["error"] == {"type": "RunnerLost", "message": "went silent"}


def test_the_same_try_leaves_one_receipt_and_the_next_try_another(store: S3) -> None:
    leave(store, Phase.PLAN, 0)
    leave(store, Phase.PLAN, 0)
    leave(store, Phase.PLAN, 1)
    assert [body["attempt"] for body in bodies(store)] == [0, 1]


def test_a_phase_that_was_handed_over_leaves_none(store: S3) -> None:
    with recorded(store, PREFIX, RUN, Phase.RESTORE, 0, {}) as record:
        record.handed_over = True
    assert bodies(store) == []


def test_a_receipt_that_cannot_be_written_is_an_error_of_its_own(store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: S3, *arguments: Any, **more: Any) -> str:
        raise Throttled("slow down")

    monkeypatch.setattr(S3, "put", refuse)
    with pytest.raises(EvidenceWriteFailed, match="slow down"):
        leave(store, Phase.PLAN)
    with pytest.raises(RunnerLost) as caught:
        leave(store, Phase.RESTORE, error=RunnerLost("went silent"))
    assert "slow down" in caught.value.__notes__[0]


def test_a_lost_race_for_a_name_is_run_again_behind_the_winner(store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lost = S3.put, []

    def race(self: S3, uri: str, data: bytes, **more: Any) -> str:
        if not lost:
            lost.append(uri)
            real(self, uri, canonical({"phase": "plan", "attempt": 7, "previous_sha256": None}))
        return real(self, uri, data, **more)

    monkeypatch.setattr(S3, "put", race)
    leave(store, Phase.PLAN)
    links = chain(store, PREFIX)
    assert [link.number for link in links] == [1, 2]
    assert links[1].body()["previous_sha256"] == links[0].sha256


TASK_TOKEN = "AQCMAAAAKgAAAAMAAAAA" + "x9Kf" * 60
KEY_ID = "AKIA" + "ABCDEFGHIJKLMNOP"  # the shape of an access key id, in two parts for the secret scan
SECRETS = {
    "task_token": "abc",
    "nested": [{"password": "hunter2", "aws_session_token": "zzz", "client-secret": "s", "api_key": "k"}],
    "message": f"failed with {TASK_TOKEN} and {KEY_ID} and my-own-token",
}


def test_no_secret_gets_into_a_receipt(store: S3) -> None:
    with pytest.raises(RunnerLost):
        leave(store, Phase.RESTORE, error=RunnerLost(f"token my-own-token {TASK_TOKEN}"), **SECRETS)
    text = chain(store, PREFIX)[0].data.decode()
    for secret in ("abc", "hunter2", "zzz", TASK_TOKEN, KEY_ID, "my-own-token"):
        assert secret not in text.replace("ledger", "")


def test_scrubbing_leaves_what_is_no_secret(store: S3) -> None:
    plain = {"evidence_hash": "a" * 64, "tokens_used": 3, "uri": "s3://b/" + "k" * 200, "secret_count": 2, "none": None}
    assert scrub(plain) == plain
    assert scrub({"token": ""}) == {"token": ""}
    assert scrub({"token": "x"}) == {"token": REMOVED}


# ---------------------------------------------------------------- offline verification
@pytest.fixture
def copy(store: S3, tmp_path: Path) -> Path:
    """A closed run's evidence, copied to a directory."""
    for phase in (Phase.DETECT, Phase.PLAN, Phase.TEARDOWN, Phase.REPORT):
        leave(store, phase)
    store.put(f"{PREFIX}/report.json", b"{}")
    store.put(f"{PREFIX}/artifacts/ledger.jsonl", b'{"fate":"created"}\n')
    close_chain(store, PREFIX, RUN, signer())
    (tmp_path / "artifacts").mkdir()
    for info in store.list(f"{PREFIX}/"):
        (tmp_path / info.uri.removeprefix(f"{PREFIX}/")).write_bytes(store.get(info.uri))
    return tmp_path


def problems(copy: Path, key: str | None = None) -> str:
    return "\n".join(f"{finding.object}: {finding.problem}" for finding in verify_copy(copy, key))


def test_an_untouched_copy_verifies_with_and_without_the_known_key(copy: Path) -> None:
    assert verify_copy(copy) == []
    assert verify_copy(copy, PEM) == []


# ---------------------------------------------------------------- the report
def ended(outcome: Outcome, **variables: Any) -> Ended:
    failure = Failure(phase="Restore", error="RunnerLost", cause="silent") if outcome == Outcome.FAILED else None
    return Ended(run=RUN, outcome=outcome, failure=failure, variables=variables)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_summary_and_its_page(store: S3, outcome: Outcome) -> None:
    leave(store, Phase.PLAN)
    report = build(ended(outcome, cleared={"left": []}), chain(store, PREFIX))
    assert "ledger" in report["summary"]
    assert outcome.value in page(report).decode()


def test_a_page_says_what_went_wrong_and_runs_nothing_that_it_shows(store: S3) -> None:
    with pytest.raises(RunnerLost):
        leave(store, Phase.RESTORE, error=RunnerLost("<script>alert(1)</script>"))
    check = {"validator": "<b>job</b>", "verdict": "COULD_NOT_VERIFY", "detail": "no pod"}
    report = build(ended(Outcome.FAILED, validation={"verdict": "FAILED", "checks": [check]}), chain(store, PREFIX))
    shown = page(report).decode()
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "COULD_NOT_VERIFY" in shown
    assert "Teardown did not complete" in shown


def test_what_must_not_be_overlooked_is_a_warning(store: S3) -> None:
    facts = {
        "approval": {"approver": "ann", "break_glass": "alone"},
        "restore": {"outcome": "PARTIAL", "counts": {"failed": 1}},
        "cleared": {"left": [], "undone": [{"done": False, "target": "s3://p", "detail": "moved"}]},
    }
    warnings = "\n".join(build(ended(Outcome.SUCCEEDED, **facts), [])["warnings"])
    assert all(word in warnings for word in ("alone", "PARTIAL", "not undone: s3://p"))
