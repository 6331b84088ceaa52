"""How controllers run: an event marks the objects it concerns, and each is reconciled once, soon, in the server's loop.

A reconciliation is a plain function of what the store holds now. It never waits: it returns the seconds after which it
wants to look again. So no two writers ever race inside the cluster.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from relight.local.cluster import refusals
from relight.local.cluster.api import Api
from relight.local.cluster.options import now, suffix
from relight.local.cluster.store import Event

Obj = dict[str, Any]
Name = tuple[str, str]
Mapper = Callable[[Obj], Iterable[Name]]
QUIET_SECONDS = 10.0
log = logging.getLogger(__name__)


def name_of(obj: Obj) -> Name:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def itself(obj: Obj) -> Iterable[Name]:
    return [name_of(obj)]


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference of the controller that made ``obj``."""
    return next((one for one in obj["metadata"].get("ownerReferences") or () if one.get("controller")), None)


def owner(kind: str) -> Mapper:
    """Maps an object to the object of ``kind`` that controls it."""

    def mapped(obj: Obj) -> Iterable[Name]:
        above = controller_of(obj)
        return [(obj["metadata"]["namespace"], above["name"])] if above and above["kind"] == kind else []

    return mapped


def seconds_since(timestamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()


class Controller:
    """``watches``: which objects an event of a resource concerns, by resource key."""

    watches: dict[str, Mapper] = {}  # noqa: RUF012

    def __init__(self, api: Api) -> None:
        self.api, self.store = api, api.store

    def reconcile(self, namespace: str, name: str) -> float | None:
        raise NotImplementedError

    # ------------------------------------------------------------ what controllers do
    def current(self, key: str, namespace: str, name: str) -> Obj | None:
        """The object as it is now; None when it is gone, or going."""
        found = self.store.get(key, namespace, name)
        return None if found is None or found["metadata"].get("deletionTimestamp") else found

    def children(self, key: str, parent: Obj) -> list[Obj]:
        """The objects of ``key`` that ``parent`` controls, oldest first."""
        keys = self.store.dependents.get(parent["metadata"]["uid"], set())
        found = [self.store.get(*at) for at in keys if at[0] == key]
        mine = [obj for obj in found if obj and (controller_of(obj) or {}).get("uid") == parent["metadata"]["uid"]]
        return sorted(mine, key=lambda obj: (obj["metadata"]["creationTimestamp"], obj["metadata"]["name"]))

    def spawn(self, key: str, parent: Obj, body: Obj) -> Obj | None:
        """Creates ``body`` as a child of ``parent``; a refusal becomes an event of the parent, as in a real cluster."""
        meta = parent["metadata"]
        reference = {"apiVersion": parent["apiVersion"], "kind": parent["kind"], "name": meta["name"], "uid": meta["uid"]}
        body["metadata"]["ownerReferences"] = [reference | {"controller": True, "blockOwnerDeletion": True}]
        try:
            return self.api.create(self.api.kinds[key], meta["namespace"], body)
        except refusals.Refusal as refusal:
            self.record(parent, "Warning", "FailedCreate", f"Error creating: {refusal}")
            return None

    def discard(self, key: str, obj: Obj) -> None:
        namespace, name = name_of(obj)
        if not obj["metadata"].get("deletionTimestamp"):
            self.api.delete(self.api.kinds[key], namespace, name)

    def record(self, about: Obj, kind: str, reason: str, message: str) -> None:
        record(self.api, about, kind, reason, message)


def record(api: Api, about: Obj, kind: str, reason: str, message: str) -> None:
    """Writes an Event; the same one again only counts up, and not more than once in a while."""
    namespace, name = name_of(about)
    namespace = namespace or "default"
    home = api.store.get("namespaces", "", namespace)
    if home is None or home["metadata"].get("deletionTimestamp"):
        return
    same = (about["metadata"]["uid"], reason, message)
    for event in api.store.objects("events", namespace):
        if (event["involvedObject"].get("uid"), event.get("reason"), event.get("message")) == same:
            if seconds_since(event["lastTimestamp"]) < QUIET_SECONDS:
                return
            again = {"count": event.get("count", 1) + 1, "lastTimestamp": now()}
            api.store.put("events", event | again | {"metadata": dict(event["metadata"])})
            return
    involved = {"kind": about["kind"], "apiVersion": about["apiVersion"], "name": name, "uid": about["metadata"]["uid"]}
    body = {
        "metadata": {"name": f"{name[:240]}.{suffix(10)}"},
        "involvedObject": involved | ({"namespace": namespace} if "namespace" in about["metadata"] else {}),
        "reason": reason,
        "message": message,
        "type": kind,
        "count": 1,
        "firstTimestamp": now(),
        "lastTimestamp": now(),
        "source": {"component": "relight-emulated-cluster"},
    }
    api.create(api.kinds["events"], namespace, body)


class Manager:
    """Feeds the controllers with the store's events, one reconciliation an object at a time."""

    def __init__(self, api: Api, controllers: list[Controller]) -> None:
        self.api, self.controllers = api, controllers
        self.waiting: dict[tuple[Controller, Name], None] = {}
        self.timers: dict[tuple[Controller, Name], asyncio.TimerHandle] = {}
        self.scheduled = False
        self.loop = asyncio.get_running_loop()

    def start(self) -> None:
        self.api.store.listeners.append(self._heard)
        for key, bucket in list(self.api.store.buckets.items()):
            for obj in list(bucket.values()):
                self._heard(Event("ADDED", key, obj, None, 0))

    def stop(self) -> None:
        self.api.store.listeners.remove(self._heard)
        self.waiting.clear()
        for timer in self.timers.values():
            timer.cancel()

    def _heard(self, event: Event) -> None:
        for controller in self.controllers:
            if event.key in controller.watches:
                for name in controller.watches[event.key](event.object):
                    self._mark(controller, name)

    def _mark(self, controller: Controller, name: Name) -> None:
        self.waiting[controller, name] = None
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self._work)

    def _work(self) -> None:
        """Reconciles what is waiting now; what that marks in turn waits for the loop's next turn, so requests get theirs."""
        batch, self.waiting, self.scheduled = self.waiting, {}, False
        for controller, name in batch:
            if timer := self.timers.pop((controller, name), None):
                timer.cancel()
            again = self._reconciled(controller, name)
            if again is not None:
                self.timers[controller, name] = self.loop.call_later(max(again, 0.02), self._mark, controller, name)

    def _reconciled(self, controller: Controller, name: Name) -> float | None:
        try:
            return controller.reconcile(*name)
        except refusals.Refusal as refusal:
            log.info("%s %s: %s", type(controller).__name__, "/".join(name), refusal)
        except Exception:
            log.exception("%s %s", type(controller).__name__, "/".join(name))
        return 1.0
