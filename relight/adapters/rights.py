"""What each role must be allowed, as it was deployed, and whether IAM would allow it: simulated, nothing is called."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from relight.adapters.calls import Refused, call, pages
from relight.model import decode

SOMETHING = "relight-check"  # stands for any name that a wildcard would match
GONE = "no such role"


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Actions on resources. ``context``: values of condition keys that such a request would carry."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter ``/<name>/permissions/<who>``. ``phase``: in which a run would miss it."""

    who: str
    role: str
    phase: str
    needs: tuple[Need, ...]


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """``decision``: allowed, implicitDeny, explicitDeny, or GONE."""

    action: str
    resource: str
    decision: str


def needs(deployment: str) -> list[Needs]:
    """What the templates granted, by role."""
    path = f"/{deployment}/permissions/"
    return [
        decode(json.loads(one["Value"]), Needs) for one in pages("ssm", "get_parameters_by_path", "Parameters", Path=path)
    ]


def simulate(role: str, need: Need) -> Iterator[Simulated]:
    """``role``: its ARN. A resource with a wildcard is tried with some name in its place."""
    asked: dict[str, Any] = {
        "PolicySourceArn": role,
        "ActionNames": list(need.actions),
        "ResourceArns": [one if one == "*" else one.replace("*", SOMETHING) for one in need.resources],
        "ContextEntries": [_entry(key, values) for key, values in _filled(need.context).items()],
    }
    while True:
        try:
            answer = call("iam", "simulate_principal_policy", {"NoSuchEntity"}, **asked)
        except Refused:
            yield Simulated(action="everything", resource=role, decision=GONE)
            return
        for row in answer["EvaluationResults"]:
            yield from _rows(row)
        if not answer.get("IsTruncated"):
            return
        asked["Marker"] = answer["Marker"]


def _rows(row: dict[str, Any]) -> Iterator[Simulated]:
    """IAM answers an action on several resources with one row, and theirs below it."""
    for one in row.get("ResourceSpecificResults") or []:
        name, decision = one["EvalResourceName"], one["EvalResourceDecision"]
        yield Simulated(action=row["EvalActionName"], resource=name, decision=decision)
    if not row.get("ResourceSpecificResults"):
        name = row.get("EvalResourceName", "*")
        yield Simulated(action=row["EvalActionName"], resource=name, decision=row["EvalDecision"])


def _filled(context: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """A value that is a policy's variable is whatever the caller is; the caller then is SOMETHING."""
    found = {key: tuple(SOMETHING if one.startswith("${") else one for one in values) for key, values in context.items()}
    named = {one[2:-1] for values in context.values() for one in values if one.startswith("${")}
    return found | dict.fromkeys(named, (SOMETHING,))


def _entry(key: str, values: tuple[str, ...]) -> dict[str, Any]:
    kind = "stringList" if key == "dynamodb:LeadingKeys" else "string"
    return {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": kind}
