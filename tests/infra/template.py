"""Reading templates in the words of the domain."""

import json
from collections.abc import Iterator
from typing import Any

Resource = dict[str, Any]


def of_type(template: dict[str, Any], kind: str) -> dict[str, Resource]:
    """Properties by logical id."""
    rows = template["Resources"].items()
    return {name: row.get("Properties", {}) for name, row in rows if row["Type"] == kind}


def only(template: dict[str, Any], kind: str) -> Resource:
    (found,) = of_type(template, kind).values()
    return found


def functions(template: dict[str, Any]) -> dict[str, Resource]:
    """Functions by the name of their phase."""
    found = of_type(template, "AWS::Lambda::Function").values()
    return {one["FunctionName"].removeprefix("relight-"): one for one in found}


def statements(template: dict[str, Any], role: str) -> Iterator[Resource]:
    """The statements of the role with that logical id."""
    for policy in of_type(template, "AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Roles"]:
            yield from policy["PolicyDocument"]["Statement"]


def grants(template: dict[str, Any], function: str) -> list[Resource]:
    role = functions(template)[function]["Role"]["Fn::GetAtt"][0]
    return list(statements(template, role))


def actions(statement: Resource) -> list[str]:
    given = statement["Action"]
    return given if isinstance(given, list) else [given]


def granting(rows: list[Resource], action: str) -> list[Resource]:
    return [row for row in rows if action in actions(row)]


def text(value: Any) -> str:
    """The value with its intrinsic functions, as one searchable line."""
    return json.dumps(value, sort_keys=True)


def joined(value: Any) -> str:
    """An Fn::Join's literal parts, a reference as ``<ref>``: how long a rendered script is, and what it says."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        return str(value["Fn::Join"][0]).join(joined(part) for part in value["Fn::Join"][1])
    return "<" + "x" * 80 + ">"
