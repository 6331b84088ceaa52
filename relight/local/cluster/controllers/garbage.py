"""Owners, namespaces and definitions: what goes when something else goes."""

from collections.abc import Iterable
from typing import Any

from relight.local.cluster.controllers.base import Controller, Name, itself, name_of
from relight.local.cluster.options import Deletion
from relight.local.cluster.store import Key

Obj = dict[str, Any]
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class OwnerCollector(Controller):
    """Deletes what has owners and none of them is there any more; serves Orphan and Foreground deletion.

    Its names are uids: an object's own (it may be an orphan, or be waiting for its dependents).
    """

    def __init__(self, api: Any) -> None:
        super().__init__(api)
        self.watches = _Everything(self._concerned)

    def _concerned(self, obj: Obj) -> Iterable[Name]:
        meta = obj["metadata"]
        found = [("", meta["uid"])] if meta.get("ownerReferences") or meta.get("deletionTimestamp") else []
        found += [("", owner["uid"]) for owner in meta.get("ownerReferences") or ()]
        dependents = self.store.dependents.get(meta["uid"]) if meta["uid"] not in self.store.uids else None
        return found + [("", uid) for key in dependents or () if (uid := self._uid(key))]

    def _uid(self, key: Key) -> str:
        obj = self.store.get(*key)
        return obj["metadata"]["uid"] if obj else ""

    def reconcile(self, namespace: str, name: str) -> float | None:
        key = self.store.uids.get(name)
        obj = self.store.get(*key) if key else None
        if obj is None or key is None:
            return None
        finalizers = obj["metadata"].get("finalizers") or ()
        if "orphan" in finalizers:
            self._orphan(key, obj)
        elif "foregroundDeletion" in finalizers:
            self._foreground(key, obj)
        elif self._abandoned(obj):
            self._delete(key, obj)
        return None

    def _abandoned(self, obj: Obj) -> bool:
        references = obj["metadata"].get("ownerReferences") or ()
        return bool(references) and not any(one["uid"] in self.store.uids for one in references)

    def _delete(self, key: Key, obj: Obj) -> None:
        if not obj["metadata"].get("deletionTimestamp"):
            self.api.delete(self.api.kinds[key[0]], key[1], key[2], Deletion(policy="Background"))

    def _dependents(self, obj: Obj) -> list[tuple[Key, Obj]]:
        keys = list(self.store.dependents.get(obj["metadata"]["uid"], ()))
        return [(key, found) for key in keys if (found := self.store.get(*key))]

    def _orphan(self, key: Key, obj: Obj) -> None:
        for at, dependent in self._dependents(obj):
            rest = [one for one in dependent["metadata"]["ownerReferences"] if one["uid"] != obj["metadata"]["uid"]]
            self.api.set_metadata(at[0], dependent, ownerReferences=rest or None)
        self._let_go(key, obj, "orphan")

    def _foreground(self, key: Key, obj: Obj) -> None:
        dependents = self._dependents(obj)
        for at, dependent in dependents:
            self._delete(at, dependent)
        if not any(_blocks(obj, dependent) for _, dependent in self._dependents(obj)):
            self._let_go(key, obj, "foregroundDeletion")

    def _let_go(self, key: Key, obj: Obj, finalizer: str) -> None:
        rest = [one for one in obj["metadata"].get("finalizers") or () if one != finalizer]
        self.api.set_metadata(key[0], obj, finalizers=rest or None)


def _blocks(owner: Obj, dependent: Obj) -> bool:
    mine = [one for one in dependent["metadata"]["ownerReferences"] if one["uid"] == owner["metadata"]["uid"]]
    return any(one.get("blockOwnerDeletion") for one in mine)


class _Everything(dict[str, Any]):
    """A watch table with the same mapper for every resource, CRDs to come included."""

    def __init__(self, mapper: Any) -> None:
        super().__init__()
        self.mapper = mapper

    def __contains__(self, key: object) -> bool:
        return key != "events"

    def __getitem__(self, key: str) -> Any:
        return self.mapper


class Namespaces(Controller):
    """Gives each namespace its default account and root certificate; empties one that is being deleted."""

    watches = {"namespaces": itself}  # noqa: RUF012

    def reconcile(self, namespace: str, name: str) -> float | None:
        home = self.store.get("namespaces", "", name)
        if home is None:
            return None
        if not home["metadata"].get("deletionTimestamp"):
            self._furnish(name)
            return None
        left = [(key, at) for key, bucket in self.store.buckets.items() for at in list(bucket) if at[0] == name]
        for key, at in left:
            obj = self.store.get(key, *at)
            if obj and not obj["metadata"].get("deletionTimestamp"):
                self.api.delete(self.api.kinds[key], *at)
        if any(at[0] == name for bucket in self.store.buckets.values() for at in bucket):
            return 0.1
        spec = {"finalizers": [one for one in home["spec"].get("finalizers") or () if one != "kubernetes"]}
        self.api.set_metadata("namespaces", home | {"spec": spec}, deletionGracePeriodSeconds=None)
        return None

    def _furnish(self, name: str) -> None:
        label = {"kubernetes.io/metadata.name": name}
        home = self.api.get(self.api.kinds["namespaces"], "", name)
        self.api.set_metadata("namespaces", home, labels=(home["metadata"].get("labels") or {}) | label)
        for key, given, body in (
            ("serviceaccounts", "default", {}),
            ("configmaps", "kube-root-ca.crt", {"data": {"ca.crt": self.api.root}}),
        ):
            made = {"metadata": {"name": given}, **body}
            live = self.store.get(key, name, given)
            if live is None:
                self.api.create(self.api.kinds[key], name, made)
            elif live.get("data") != body.get("data"):  # the certificate is new with each start of the cluster
                self.api.replace(self.api.kinds[key], name, given, made)


class Definitions(Controller):
    """Serves the kinds of CRDs; on deletion removes their objects first."""

    watches = {CRDS: itself}  # noqa: RUF012

    def reconcile(self, namespace: str, name: str) -> float | None:
        crd = self.store.get(CRDS, "", name)
        if crd is None:
            return None
        if not crd["metadata"].get("deletionTimestamp"):
            self._establish(crd)
            return None
        for obj in self.store.objects(name):
            if not obj["metadata"].get("deletionTimestamp"):
                self.api.delete(self.api.kinds[name], *name_of(obj))
        if self.store.buckets[name]:
            return 0.1
        self.api.kinds.forget(crd)
        rest = [one for one in crd["metadata"].get("finalizers") or () if one != CLEANUP]
        self.api.set_metadata(CRDS, crd, finalizers=rest or None)
        return None

    def _establish(self, crd: Obj) -> None:
        self.api.kinds.establish(crd)
        when = crd["metadata"]["creationTimestamp"]
        reasons = {"NamesAccepted": "NoConflicts", "Established": "InitialNamesAccepted"}
        conditions = [
            {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": when}
            for kind, reason in reasons.items()
        ]
        names = crd["spec"]["names"]
        accepted = names | {
            "singular": names.get("singular") or names["kind"].lower(),
            "listKind": names.get("listKind") or f"{names['kind']}List",
        }
        stored = [one["name"] for one in crd["spec"]["versions"] if one.get("storage")]
        self.api.set_status(CRDS, crd, {"conditions": conditions, "acceptedNames": accepted, "storedVersions": stored})
