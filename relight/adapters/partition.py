"""A runner's own partition of the table: what the control plane leaves for it, and the one thing that it says itself."""

import json
import time
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from relight.adapters.items import Item, Items
from relight.model import Keys, Order, Task, Vitals, decode, encode
from relight.times import epoch

T = TypeVar("T")
KEEP_ORDERS = 400 * 86_400  # seconds: a promoted runner may serve for a year


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A runner's own partition. ``lease_expires_at``: epoch seconds, for the dead man's switch.

    ``keys``: a secret, there only while the runner is production. ``faults``: items that cannot be read, a line each; they
    are as if they were not there.
    """

    order: Order | None = None
    tasks: tuple[Task, ...] = ()
    lease_expires_at: int | None = None
    keys: Keys | None = field(default=None, repr=False)
    faults: tuple[str, ...] = ()


class Partition(Items):
    """``principal``: ``<runner_role_id>:<instance_id>``, which that instance alone may read."""

    def put_order(self, principal: str, order: Order) -> None:
        self._put(principal, "order", {"body": json.dumps(encode(order))}, int(time.time()) + KEEP_ORDERS)

    def put_task(self, principal: str, task: Task) -> None:
        self._put(principal, f"task#{task.phase}", {"body": json.dumps(encode(task))}, int(time.time()) + KEEP_ORDERS)

    def put_runner_lease(self, principal: str, expires_at: int) -> None:
        self._put(principal, "lease", {"expires_at": expires_at}, expires_at + 86_400)

    def put_keys(self, principal: str, keys: Keys) -> None:
        self._put(principal, "keys", {"body": json.dumps(encode(keys))}, epoch(keys.expires_at))

    def report(self, principal: str, vitals: Vitals) -> None:
        """By the runner itself, which may write this one attribute and nothing else."""
        ttl = int(time.time()) + KEEP_ORDERS
        self._update(principal, "vitals", {"vitals": json.dumps(encode(vitals)), "ttl": ttl})

    def vitals(self, principal: str) -> Vitals | None:
        """What the runner last said; None where it said nothing, or nothing that makes sense."""
        item = self._get(principal, "vitals")
        return _read(item | {"body": item.get("vitals")}, Vitals, []) if item else None

    def mailbox(self, principal: str) -> Mailbox:
        """All that was left for a runner, item by item: one that is malformed hides no other, least of all the lease."""
        items = {item["sk"]: item for item in self._query(principal, "")}
        faults: list[str] = []
        tasks = [_read(item, Task, faults) for sk, item in items.items() if sk.startswith("task#")]
        order = _read(items["order"], Order, faults) if "order" in items else None
        keys = _read(items["keys"], Keys, faults) if "keys" in items else None
        expires_at = items.get("lease", {}).get("expires_at")
        if not isinstance(expires_at, int | None):
            faults.append("lease: expires_at is no number")
            expires_at = None
        given = tuple(task for task in tasks if task is not None)
        return Mailbox(order=order, tasks=given, lease_expires_at=expires_at, keys=keys, faults=tuple(faults))


def _read(item: Item, kind: type[T], faults: list[str]) -> T | None:
    try:
        return decode(json.loads(item["body"]), kind)
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:  # never the body: a task has a token
        faults.append(f"{item['sk']}: {type(error).__name__}: {error}")
        return None
