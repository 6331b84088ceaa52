"""http: the restored app is asked through the API server, and its own answer is told from the API's."""

import json

import pytest

from relight.adapters.kube_proxy import Answered
from relight.config import Validator
from relight.errors import ServiceUnavailable
from relight.model import Check, Verdict
from relight.records import replace
from relight.recovery.cluster import Object
from relight.recovery.validators import run
from tests.recovery.fake import FakeCluster
from tests.recovery.standing import context, healthy

pytestmark = pytest.mark.slow

FRONT = Validator(name="front", kind="http", service="web:http", path="/healthz", expect="ok", deadline=1)
UNREACHED = {"kind": "Status", "apiVersion": "v1", "reason": "ServiceUnavailable", "message": "no endpoints available"}


def asked(answered: Answered, validator: Validator = FRONT) -> Check:
    cluster = healthy()
    cluster.answers["web:http/healthz"] = answered
    return run(validator, context(cluster))


def test_an_app_that_answers_as_expected_passes_and_its_body_stays_out_of_the_evidence() -> None:
    check = asked(Answered(200, b"all is ok, secretly"))
    assert check.verdict == Verdict.PASSED
    assert check.evidence["status"] == 200 and "secretly" not in str(check)


@pytest.mark.parametrize(
    ("answered", "verdict", "said"),
    [
        (Answered(500, b"Traceback"), Verdict.FAILED, "answers 500 instead of 200"),
        (Answered(200, b"hello"), Verdict.FAILED, "without 'ok'"),
        (Answered(302, b""), Verdict.FAILED, "answers 302"),
        (Answered(503, b"{half"), Verdict.FAILED, "answers 503"),
        (Answered(404, json.dumps(UNREACHED | {"message": "no web"}).encode()), Verdict.FAILED, "was not reached: no web"),
        (Answered(503, json.dumps(UNREACHED).encode()), Verdict.TIMED_OUT, "was not reached: no endpoints available"),
    ],
)
def test_any_other_answer_does_not_pass_and_says_who_gave_it(answered: Answered, verdict: Verdict, said: str) -> None:
    check = asked(answered)
    assert check.verdict == verdict and said in check.detail


def test_an_expected_refusal_is_an_expectation_like_any_other() -> None:
    assert asked(Answered(403, b"ok?"), replace(FRONT, status=403)).verdict == Verdict.PASSED


def test_an_app_that_is_still_starting_has_until_the_deadline() -> None:
    cluster = healthy()
    cluster.answers["web:http/healthz"] = Answered(503, json.dumps(UNREACHED).encode())

    class Starting(FakeCluster):
        def proxy(self, namespace: str, service: str, path: str) -> Answered:
            first = not self.asked["proxy web:http"]
            answered = super().proxy(namespace, service, path)
            return answered if first else Answered(200, b"ok")

    starting = Starting(store=cluster.store, answers=cluster.answers)
    assert run(replace(FRONT, deadline=5), context(starting)).verdict == Verdict.PASSED


def test_an_api_server_that_does_not_answer_could_not_be_verified() -> None:
    cluster = healthy()
    cluster.down = ServiceUnavailable("connection reset")
    check = run(FRONT, context(cluster))
    assert check.verdict == Verdict.COULD_NOT_VERIFY and "API server" in check.detail


def test_nothing_is_made_by_asking() -> None:
    cluster = healthy()
    cluster.answers["web:http/healthz"] = Answered(200, b"ok")
    before: dict[object, Object] = dict(cluster.store)
    run(FRONT, context(cluster))
    assert cluster.store == before
