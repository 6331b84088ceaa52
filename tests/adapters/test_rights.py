"""Policy simulation as AWS answers it: rows by resource, pages, condition keys, a role that is gone."""

from typing import Any

import pytest

from relight.adapters import rights
from relight.adapters.calls import Refused
from relight.adapters.rights import Need, simulate

ROLE = "arn:aws:iam::1:role/relight-launch"


class Iam:
    """Answers in turn; remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), []  # type: tuple[list[Any], list[dict[str, Any]]]

    def __call__(self, service: str, operation: str, expected: Any = (), **arguments: Any) -> Any:
        assert (service, operation) == ("iam", "simulate_principal_policy")
        self.asked.append(dict(arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answers(monkeypatch: pytest.MonkeyPatch, *given: Any) -> Iam:
    made = Iam(*given)
    monkeypatch.setattr(rights, "call", made)
    return made


def row(action: str, decision: str, **resources: str) -> dict[str, Any]:
    below = [{"EvalResourceName": name, "EvalResourceDecision": said} for name, said in resources.items()]
    return {"EvalActionName": action, "EvalResourceName": "*", "EvalDecision": decision, "ResourceSpecificResults": below}


def test_each_resource_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """One allowed resource must not speak for another that is denied."""
    answers(monkeypatch, {"EvaluationResults": [row("s3:GetObject", "allowed", a="allowed", b="explicitDeny")]})
    found = list(simulate(ROLE, Need(actions=("s3:GetObject",), resources=("a", "b"))))
    assert [(one.resource, one.decision) for one in found] == [("a", "allowed"), ("b", "explicitDeny")]


def test_every_page_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {"EvaluationResults": [row("a:One", "allowed")], "IsTruncated": True, "Marker": "next"}
    iam = answers(monkeypatch, first, {"EvaluationResults": [row("a:Two", "implicitDeny")]})
    found = list(simulate(ROLE, Need(actions=("a:One", "a:Two"), resources=("*",))))
    assert [(one.action, one.decision) for one in found] == [("a:One", "allowed"), ("a:Two", "implicitDeny")]
    assert iam.asked[1]["Marker"] == "next"


def test_a_wildcard_is_tried_with_a_name_and_conditions_with_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    iam = answers(monkeypatch, {"EvaluationResults": []})
    context = {"dynamodb:LeadingKeys": ("${aws:userid}",), "aws:ResourceTag/relight:name": ("relight",)}
    list(simulate(ROLE, Need(actions=("a:One",), resources=("arn:b/*", "*"), context=context)))
    assert iam.asked[0]["ResourceArns"] == ["arn:b/relight-check", "*"]
    entries = {
        one["ContextKeyName"]: (one["ContextKeyValues"], one["ContextKeyType"]) for one in iam.asked[0]["ContextEntries"]
    }
    assert entries == {
        "dynamodb:LeadingKeys": (["relight-check"], "stringList"),
        "aws:ResourceTag/relight:name": (["relight"], "string"),
        "aws:userid": (["relight-check"], "string"),
    }


def test_a_role_that_is_gone_may_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, Refused({"Error": {"Code": "NoSuchEntity"}}))
    (found,) = simulate(ROLE, Need(actions=("a:One",), resources=("*",)))
    assert (found.resource, found.decision) == (ROLE, "no such role")
