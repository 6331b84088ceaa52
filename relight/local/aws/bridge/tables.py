"""DynamoDB: the partition keys of a request (``dynamodb:LeadingKeys``), which a policy may bind to the caller."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from relight.local.aws.bridge import patch, uses

uses("services.dynamodb", _tables=None)

ONE_ITEM = ("Put", "Update", "Delete", "Get", "ConditionCheck", "PutRequest", "DeleteRequest")


@patch("core.iam_actions", "dynamodb_service_context", "body")
def with_leading_keys(original: Callable[..., Any], body: bytes) -> dict[str, Any]:
    context: dict[str, Any] = original(body)
    try:
        request = json.loads(body or b"{}")
        keys = sorted(set(leading_keys(request)))
    except (ValueError, AttributeError, TypeError):
        return context
    return {**context, "dynamodb:LeadingKeys": keys} if keys else context


def leading_keys(request: dict[str, Any]) -> Iterator[str]:
    """Every partition key value that the request names, in whichever of DynamoDB's forms."""
    if request.get("TableName"):
        yield from _of_item(request["TableName"], request)
    for row in request.get("TransactItems") or []:
        for kind in ONE_ITEM:
            if kind in row:
                yield from _of_item(row[kind]["TableName"], row[kind])
    for table, asked in (request.get("RequestItems") or {}).items():
        rows = (
            [{"Key": key} for key in asked["Keys"]]
            if isinstance(asked, dict)
            else [next(iter(row.values())) for row in asked]
        )
        for row in rows:
            yield from _of_item(table, row)


def _of_item(table: str, asked: dict[str, Any]) -> Iterator[str]:
    from ministack.services import dynamodb

    known = dynamodb._tables.get(table.rpartition("/")[2])
    if known is None:
        return
    name = next(row["AttributeName"] for row in known["KeySchema"] if row["KeyType"] == "HASH")
    for place in ("Key", "Item"):
        if name in (asked.get(place) or {}):
            yield _value(asked[place][name])
    if condition := asked.get("KeyConditionExpression"):
        aliases = [alias for alias, real in (asked.get("ExpressionAttributeNames") or {}).items() if real == name]
        names = "|".join(map(re.escape, [name, *aliases]))
        for found in re.finditer(rf"(?:^|[\s(])(?:{names})\s*=\s*(:\w+)", condition):
            yield _value(asked["ExpressionAttributeValues"][found[1]])


def _value(typed: dict[str, Any]) -> str:
    return str(next(iter(typed.values())))
