"""Claims and volumes: static volumes first (a claimRef is a reservation), else a directory of our own."""

from collections.abc import Iterable
from pathlib import Path
from shutil import rmtree
from typing import Any

from relight.local.cluster.api import Api
from relight.local.cluster.controllers.base import Controller, Name, itself
from relight.local.cluster.quantity import quantity

Obj = dict[str, Any]
CLAIMS, VOLUMES, CLASSES = "persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io"
PROVISIONER = "rancher.io/local-path"
PROVISIONED = "pv.kubernetes.io/provisioned-by"


def _claims_of(pod: Obj) -> Iterable[Name]:
    namespace = pod["metadata"]["namespace"]
    sources = (volume.get("persistentVolumeClaim") for volume in pod["spec"].get("volumes") or ())
    return [(namespace, source["claimName"]) for source in sources if source]


class Claims(Controller):
    def __init__(self, api: Api, root: Path) -> None:
        super().__init__(api)
        self.root = root
        self.watches = {CLAIMS: itself, VOLUMES: self._claimants, "pods": _claims_of, CLASSES: lambda _: self._pending()}

    def _pending(self) -> list[Name]:
        claims = self.store.objects(CLAIMS)
        unbound = [one["metadata"] for one in claims if one.get("status", {}).get("phase") != "Bound"]
        return [(meta["namespace"], meta["name"]) for meta in unbound]

    def _claimants(self, volume: Obj) -> Iterable[Name]:
        reference = volume["spec"].get("claimRef")
        return [(reference["namespace"], reference["name"])] if reference else self._pending()

    def reconcile(self, namespace: str, name: str) -> float | None:
        claim = self.store.get(CLAIMS, namespace, name)
        if claim is None:
            return None
        if claim["metadata"].get("deletionTimestamp"):
            self._let_go(claim)
        elif claim.get("status", {}).get("phase") != "Bound":
            volume = self._match(claim) or self._provision(claim)
            if volume is not None:
                self._bind(claim, volume)
        return None

    def _let_go(self, claim: Obj) -> None:
        if not self._used(claim):
            rest = [one for one in claim["metadata"].get("finalizers") or () if one != "kubernetes.io/pvc-protection"]
            self.api.set_metadata(CLAIMS, claim, finalizers=rest or None)

    def _used(self, claim: Obj) -> bool:
        at = (claim["metadata"]["namespace"], claim["metadata"]["name"])
        pods = (pod for pod in self.store.objects("pods", at[0]) if at in _claims_of(pod))
        return any(pod.get("status", {}).get("phase") not in ("Succeeded", "Failed") for pod in pods)

    def _match(self, claim: Obj) -> Obj | None:
        meta, named = claim["metadata"], claim["spec"].get("volumeName")
        if named:
            volume = self.store.get(VOLUMES, "", named)
            return volume if volume and _reserved(volume, meta, or_free=True) else None
        volumes = self.store.objects(VOLUMES)
        for volume in (one for one in volumes if _reserved(one, meta)):
            if fits := _misfit(volume, claim):
                self.record(
                    claim,
                    "Warning",
                    "VolumeMismatch",
                    f'Cannot bind to requested volume "{volume["metadata"]["name"]}": {fits}',
                )
                return None
            return volume
        if self._delayed(claim) and not self._used(claim):
            return None
        free = [one for one in volumes if "claimRef" not in one["spec"] and not _misfit(one, claim)]
        return min(free, key=lambda one: quantity(one["spec"]["capacity"]["storage"]), default=None)

    def _class(self, claim: Obj) -> Obj | None:
        return self.store.get(CLASSES, "", claim["spec"].get("storageClassName") or "")

    def _delayed(self, claim: Obj) -> bool:
        storage = self._class(claim)
        return bool(storage and storage["volumeBindingMode"] == "WaitForFirstConsumer")

    def _provision(self, claim: Obj) -> Obj | None:
        storage, meta = self._class(claim), claim["metadata"]
        if storage is None or storage["provisioner"] != PROVISIONER or claim["spec"].get("volumeName"):
            return None
        if self._delayed(claim) and not self._used(claim):
            self.record(claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding")
            return None
        path = self.root / meta["namespace"] / meta["name"]
        path.mkdir(parents=True, exist_ok=True)
        spec = {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": storage["reclaimPolicy"],
            "storageClassName": storage["metadata"]["name"],
            "hostPath": {"path": str(path), "type": "DirectoryOrCreate"},
            "claimRef": {
                "kind": "PersistentVolumeClaim",
                "apiVersion": "v1",
                "namespace": meta["namespace"],
                "name": meta["name"],
            },
        }
        body = {"metadata": {"name": f"pvc-{meta['uid']}", "annotations": {PROVISIONED: PROVISIONER}}, "spec": spec}
        volume = self.api.create(self.api.kinds[VOLUMES], "", body)
        self.record(claim, "Normal", "ProvisioningSucceeded", f"Successfully provisioned volume pvc-{meta['uid']}")
        return volume

    def _bind(self, claim: Obj, volume: Obj) -> None:
        meta, name = claim["metadata"], volume["metadata"]["name"]
        reference = {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "namespace": meta["namespace"],
            "name": meta["name"],
        }
        bound = volume | {
            "spec": volume["spec"] | {"claimRef": reference | {"uid": meta["uid"]}},
            "status": {"phase": "Bound"},
        }
        self.store.put(VOLUMES, bound | {"metadata": dict(volume["metadata"])})
        spec = claim["spec"] | {"volumeName": name}
        status = {"phase": "Bound", "accessModes": volume["spec"]["accessModes"], "capacity": volume["spec"]["capacity"]}
        annotations = (meta.get("annotations") or {}) | {"pv.kubernetes.io/bind-completed": "yes"}
        self.store.put(CLAIMS, claim | {"metadata": meta | {"annotations": annotations}, "spec": spec, "status": status})


def _reserved(volume: Obj, meta: Obj, or_free: bool = False) -> bool:
    reference = volume["spec"].get("claimRef")
    if reference is None:
        return or_free
    same = (reference.get("namespace"), reference.get("name")) == (meta["namespace"], meta["name"])
    return same and reference.get("uid") in (None, "", meta["uid"])


def _misfit(volume: Obj, claim: Obj) -> str:
    """Why the volume cannot serve the claim; empty where it can."""
    spec, wanted = volume["spec"], claim["spec"]
    if (spec.get("storageClassName") or "") != (wanted.get("storageClassName") or ""):
        return "storageClassName does not match"
    if quantity(spec["capacity"].get("storage", 0)) < quantity(wanted["resources"]["requests"]["storage"]):
        return "requested PV is too small"
    if not set(wanted["accessModes"]) <= set(spec["accessModes"]):
        return "incompatible accessMode"
    return "" if spec["volumeMode"] == wanted["volumeMode"] else "incompatible volumeMode"


class Volumes(Controller):
    """A volume's phase; what becomes of it when its claim has gone."""

    def __init__(self, api: Api, root: Path) -> None:
        super().__init__(api)
        self.root = root
        self.watches = {VOLUMES: itself, CLAIMS: self._volumes_of}

    def _volumes_of(self, claim: Obj) -> Iterable[Name]:
        return [("", claim["spec"]["volumeName"])] if claim["spec"].get("volumeName") else []

    def reconcile(self, namespace: str, name: str) -> float | None:
        volume = self.store.get(VOLUMES, "", name)
        if volume is None:
            return None
        claim = self._claim(volume)
        if volume["metadata"].get("deletionTimestamp"):
            if claim is None:
                rest = [one for one in volume["metadata"].get("finalizers") or () if one != "kubernetes.io/pv-protection"]
                self.api.set_metadata(VOLUMES, volume, finalizers=rest or None)
            return None
        phase = volume.get("status", {}).get("phase", "Pending")
        of_another_time = claim is None and bool((volume["spec"].get("claimRef") or {}).get("uid"))
        if of_another_time and phase != "Released":
            self._release(volume)
        elif phase == "Pending" or (phase == "Released" and not of_another_time):
            self.api.set_status(VOLUMES, volume, {"phase": "Available"})
        return None

    def _claim(self, volume: Obj) -> Obj | None:
        reference = volume["spec"].get("claimRef") or {}
        claim = self.store.get(CLAIMS, reference.get("namespace", ""), reference.get("name", ""))
        return claim if claim and reference.get("uid") == claim["metadata"]["uid"] else None

    def _release(self, volume: Obj) -> None:
        self.api.set_status(VOLUMES, volume, {"phase": "Released"})
        ours = (volume["metadata"].get("annotations") or {}).get(PROVISIONED) == PROVISIONER
        if volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" and ours:
            path = Path(volume["spec"]["hostPath"]["path"])
            if path.is_relative_to(self.root):
                rmtree(path, ignore_errors=True)
            self.api.delete(self.api.kinds[VOLUMES], "", volume["metadata"]["name"])
