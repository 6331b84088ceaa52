"""A cluster in memory, for the logic alone: it keeps objects, counts versions, and fails when told to."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from relight.adapters.kube_proxy import Answered
from relight.errors import Conflict, RelightError
from relight.recovery.cluster import Object, Objects
from relight.recovery.objects import CLUSTER_SCOPED

Key = tuple[str, str, str]
OF_THE_API = ("resourceVersion", "managedFields")


@dataclass(frozen=True)
class FakeKind:
    api_version: str
    kind: str
    namespaced: bool


@dataclass
class FakeCluster:
    """``failures``: errors that the next requests for an object's name meet. ``on_write`` plays the controllers."""

    failures: dict[str, list[RelightError]] = field(default_factory=lambda: defaultdict(list))
    down: RelightError | None = None
    on_write: Callable[["FakeCluster", Object], None] = lambda *_: None
    logs: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answered] = field(default_factory=dict)
    store: dict[Key, Object] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    applied: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    at_once: int = 0
    most_at_once: int = 0
    versions: int = 0
    silent: dict[str, str] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)

    # ------------------------------------------------------------ the protocol
    def apply(self, obj: Object, *, field_manager: str = "relight", force: bool = True, dry_run: bool = False) -> Object:
        name = obj["metadata"]["name"]
        self._meet("apply", name)
        if dry_run:
            return self._would_be(obj)
        self.applied.append(f"{obj['kind']}/{name}")
        after = self.put(obj)
        with self.lock:
            self.store[_key(obj)]["metadata"]["managedFields"] = [{"manager": field_manager, "operation": "Apply"}]
        return after

    def create(self, obj: Object, *, dry_run: bool = False) -> Object:
        self._meet("create", obj["metadata"]["name"])
        if _key(obj) in self.store:
            raise Conflict("it exists")
        return self.put(obj)

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Object | None:
        self._meet("get", name)
        with self.lock:
            return deepcopy(self.store.get((kind, namespace or "", name)))

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        brief: bool = False,
    ) -> Objects:
        self._meet("list", kind)
        wanted = dict(part.split("=", 1) for part in labels.split(",") if part)
        with self.lock:
            found = [obj for key, obj in sorted(self.store.items()) if key[0] == kind and namespace in (None, key[1])]
        return [deepcopy(obj) for obj in found if wanted.items() <= (obj["metadata"].get("labels") or {}).items()]

    def delete(
        self, api_version: str, kind: str, namespace: str | None, name: str, *, propagation: str = "Background"
    ) -> bool:
        self._meet("delete", name)
        with self.lock:
            return self.store.pop((kind, namespace or "", name), None) is not None

    def patch(self, api_version: str, kind: str, namespace: str | None, name: str, patch: Object) -> Object:
        self._meet("patch", name)
        return self.put(_merged(self.store[(kind, namespace or "", name)], patch))

    def pod_log(
        self, namespace: str, pod: str, *, container: str | None = None, lines: int = 100, limit: int = 65_536
    ) -> str:
        self._meet("log", pod)
        return self.logs.get(pod, "")

    def proxy(self, namespace: str, service: str, path: str) -> Answered:
        self._meet("proxy", service)
        return self.answers[f"{service}{path}"]

    def version(self) -> Object:
        return {"gitVersion": "v1.34.0+fake", "emulated": False}

    def ready(self) -> bool:
        return self.down is None

    def resources(self) -> Sequence[FakeKind]:
        kinds = {(obj["apiVersion"], obj["kind"]) for obj in self.store.values()}
        return [FakeKind(version, kind, kind not in CLUSTER_SCOPED) for version, kind in sorted(kinds)]

    def delegated(self, api_version: str) -> bool:
        return api_version in self.services

    # ------------------------------------------------------------ for tests
    def put(self, obj: Object) -> Object:
        """Stores it; a change, and only a change, gives it a new version."""
        with self.lock:
            before = self.store.get(_key(obj))
            kept = {"status": before["status"]} if before and "status" in before and "status" not in obj else {}
            after = deepcopy(obj) | kept
            same = before is not None and _bare(before) == _bare(after)
            if not same:
                self.versions += 1
            after["metadata"]["resourceVersion"] = (
                before["metadata"]["resourceVersion"] if same and before else str(self.versions)
            )
            self.store[_key(after)] = after
            self.on_write(self, after)
            return deepcopy(self.store[_key(after)])

    def _would_be(self, obj: Object) -> Object:
        before = self.store.get(_key(obj), {})
        return deepcopy(obj) | ({"status": before["status"]} if "status" in before and "status" not in obj else {})

    def one(self, kind: str, name: str, namespace: str = "shop") -> Object:
        return self.store[(kind, "" if kind in CLUSTER_SCOPED else namespace, name)]

    def has(self, kind: str, name: str, namespace: str = "shop") -> bool:
        return (kind, "" if kind in CLUSTER_SCOPED else namespace, name) in self.store

    def _meet(self, verb: str, name: str) -> None:
        with self.lock:
            self.asked[f"{verb} {name}"] += 1
            if self.down is not None:
                raise self.down
            if self.failures[name]:
                raise self.failures[name].pop(0)


def _key(obj: Object) -> Key:
    return obj["kind"], obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def _bare(obj: Object) -> Object:
    return obj | {"metadata": {key: value for key, value in obj["metadata"].items() if key not in OF_THE_API}}


def _merged(old: Object, patch: Object) -> Object:
    merged = deepcopy(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key) or {}, value) if isinstance(value, dict) else value
    return merged
