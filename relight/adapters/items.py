"""Items of a DynamoDB table as plain dicts: the mechanics under ``relight.adapters.table``."""

from typing import Any

from relight.adapters.calls import Refused, call

LOST = "ConditionalCheckFailedException"
Item = dict[str, Any]
KEEP_RUNS = 400 * 86_400  # seconds: a year of history, then some


class Items:
    """A table with the string keys ``pk`` and ``sk`` and the time to live ``ttl`` (epoch seconds)."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _get(self, pk: str, sk: str) -> Item | None:
        answer = call("dynamodb", "get_item", TableName=self._name, Key=wire({"pk": pk, "sk": sk}), ConsistentRead=True)
        return plain(answer["Item"]) if "Item" in answer else None

    def _put(self, pk: str, sk: str, fields: Item, ttl: int) -> None:
        call("dynamodb", "put_item", TableName=self._name, Item=wire({"pk": pk, "sk": sk, "ttl": ttl, **fields}))

    def _try(self, *arguments: Any) -> bool:
        try:
            self._update(*arguments)
        except Refused:
            return False
        return True

    def _update(
        self, pk: str, sk: str, fields: Item, condition: str = "", values: Item | None = None, drop: tuple[str, ...] = ()
    ) -> None:
        """Raises Refused when the condition does not hold."""
        sets = ", ".join(f"#{name} = :{name}_" for name in fields)
        request: Item = {
            "UpdateExpression": f"SET {sets}" + (f" REMOVE {', '.join(drop)}" if drop else ""),
            "ExpressionAttributeNames": {f"#{name}": name for name in fields},
            "ExpressionAttributeValues": wire({f":{name}_": value for name, value in fields.items()} | (values or {})),
        }
        if condition:
            request["ConditionExpression"] = condition
        call("dynamodb", "update_item", {LOST}, TableName=self._name, Key=wire({"pk": pk, "sk": sk}), **request)

    def _query(self, pk: str, prefix: str, newest_first: bool = False, limit: int | None = None) -> list[Item]:
        found: list[Item] = []
        condition = "pk = :pk" + (" AND begins_with(sk, :sk)" if prefix else "")
        values = {":pk": pk, **({":sk": prefix} if prefix else {})}
        request: Item = {"KeyConditionExpression": condition, "ExpressionAttributeValues": wire(values)}
        request |= {"ConsistentRead": True, "ScanIndexForward": not newest_first, **({"Limit": limit} if limit else {})}
        while True:
            answer = call("dynamodb", "query", TableName=self._name, **request)
            found += [plain(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer or (limit and len(found) >= limit):
                return found[:limit]
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _delete(self, pk: str, sk: str, condition: str = "", values: Item | None = None) -> None:
        """Deleting what is not there is no error, unless the condition says so. Raises Refused."""
        request: Item = (
            {"ConditionExpression": condition, "ExpressionAttributeValues": wire(values or {})} if condition else {}
        )
        call("dynamodb", "delete_item", {LOST}, TableName=self._name, Key=wire({"pk": pk, "sk": sk}), **request)


def wire(fields: Item) -> Item:
    return {name: _typed(value) for name, value in fields.items()}


def plain(item: Item) -> Item:
    return {name: _untyped(value) for name, value in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    """A value as DynamoDB writes it. boto3 has this too, in a package that takes longer to import than all of our own."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case list() | tuple():
            return {"L": [_typed(each) for each in value]}
        case dict():
            return {"M": wire(value)}
    raise TypeError(f"no item holds a {type(value).__name__}")


def _untyped(wired: dict[str, Any]) -> Any:
    ((kind, value),) = wired.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return int(value)
        case "L":
            return [_untyped(each) for each in value]
        case "M":
            return plain(value)
    return value
