"""The list of runs a page at a time: one query an app, and one read of all the page's records."""

from typing import Any

from relight.adapters.calls import call
from relight.adapters.items import Item, Items, plain, wire
from relight.errors import Throttled

MOST = 100  # items that one BatchGetItem takes
TRIES = 3


class RunList(Items):
    def before(self, app: str, cursor: str, limit: int) -> list[str]:
        """Sort keys (``<started_at>#<run_id>``) of the app's runs, newest first, all before ``cursor`` if given."""
        items = self._range(f"app#{app}", "run#", f"run#{cursor}" if cursor else "run$", limit + 1)  # '$' follows '#'
        keys = [str(item["sk"]).removeprefix("run#") for item in items]
        return [key for key in keys if key != cursor][:limit]

    def _range(self, pk: str, low: str, high: str, limit: int) -> list[Item]:
        values = wire({":pk": pk, ":low": low, ":high": high})
        answer = call(
            "dynamodb",
            "query",
            TableName=self._name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=limit,
        )
        return [plain(item) for item in answer["Items"]]

    def records(self, run_ids: list[str]) -> dict[str, Item]:
        """The runs' records by run id; a run without one is left out. Raises Throttled."""
        found: dict[str, Item] = {}
        for start in range(0, len(run_ids), MOST):
            found |= self._batch(run_ids[start : start + MOST])
        return found

    def _batch(self, run_ids: list[str]) -> dict[str, Item]:
        keys = [wire({"pk": f"run#{run_id}", "sk": "run"}) for run_id in run_ids]
        wanted: dict[str, Any] = {self._name: {"Keys": keys, "ConsistentRead": True}}
        found: dict[str, Item] = {}
        for _ in range(TRIES):
            answer = call("dynamodb", "batch_get_item", RequestItems=wanted)
            for item in map(plain, answer["Responses"].get(self._name, [])):
                found[str(item["pk"]).removeprefix("run#")] = item
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return found
        raise Throttled("list of runs: DynamoDB left keys unread; wait and try again")
