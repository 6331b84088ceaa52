"""A cluster in a dictionary: what the agent's own tests need of one. The real API is tested in tests/cluster."""

import copy
import time
from threading import Event, RLock
from typing import Any

from relight.errors import ClusterRefused

Object = dict[str, Any]
HOLD_SECONDS = 20.0  # so that a test that fails in the middle does not hang
READY_STATUS: dict[str, Object] = {
    "PersistentVolumeClaim": {"phase": "Bound"},
    "Deployment": {"availableReplicas": 1, "updatedReplicas": 1},
}


class FakeCluster:
    """``refuse``: names it does not take. ``hold``: apply waits while it is set. Deleting a namespace empties it."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.deleted: list[tuple[str, str]] = []
        self.patched: list[tuple[str, str]] = []
        self.refuse: set[str] = set()
        self.up = True
        self.hold = Event()
        self.applying = Event()
        self._version = 0
        self._lock = RLock()

    def apply(self, obj: Object, **_: Any) -> Object:
        self.applying.set()
        end = time.monotonic() + HOLD_SECONDS
        while self.hold.is_set() and time.monotonic() < end:
            time.sleep(0.01)
        if obj["metadata"]["name"] in self.refuse:
            raise ClusterRefused(f"{obj['kind']} {obj['metadata']['name']}: HTTP 422; it is invalid; correct the manifest")
        with self._lock:
            key = (obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            kept = copy.deepcopy(obj) | {"status": copy.deepcopy(READY_STATUS.get(obj["kind"], {}))}
            before = self.objects.get(key, {"metadata": {}})
            kept["metadata"]["resourceVersion"] = before["metadata"].get("resourceVersion")
            if kept != before:
                self._version += 1
                kept["metadata"]["resourceVersion"] = str(self._version)
            self.objects[key] = kept
            return copy.deepcopy(kept)

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Object | None:
        return copy.deepcopy(self.objects.get((kind, namespace or "", name)))

    def list(self, api_version: str, kind: str, namespace: str | None = None, **_: Any) -> list[Object]:
        with self._lock:
            found = [obj for (k, ns, _), obj in self.objects.items() if k == kind and namespace in (None, ns)]
            return copy.deepcopy(found)

    def delete(self, api_version: str, kind: str, namespace: str | None, name: str, **_: Any) -> bool:
        with self._lock:
            self.deleted.append((kind, name))
            if kind == "Namespace":
                self.objects = {key: obj for key, obj in self.objects.items() if key[1] != name}
            return self.objects.pop((kind, namespace or "", name), None) is not None

    def patch(self, api_version: str, kind: str, namespace: str | None, name: str, patch: Object) -> Object:
        with self._lock:
            self.patched.append((kind, name))
            found = self.objects[(kind, namespace or "", name)]
            found["spec"].update(patch["spec"])
            found["metadata"].setdefault("annotations", {}).update(patch.get("metadata", {}).get("annotations", {}))
            return self.get(api_version, kind, namespace, name) or {}

    def version(self) -> Object:
        return {"gitVersion": "v1.32.0+emulated", "emulated": True}

    def ready(self) -> bool:
        return self.up

    def names(self, kind: str) -> tuple[str, ...]:
        return tuple(sorted(name for k, _, name in self.objects if k == kind))
