"""Volumes: each claim is bound to a directory of the runner's own disk, where its data is unpacked."""

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from relight.recovery.cluster import Object
from relight.recovery.objects import identity

# Stands for the runner's data directory, so that the plan does not depend on a host; ``place`` puts the real one in.
DATA_DIR = "$DATA_DIR"
BOUND_BY_RELIGHT = ""  # no storage class: neither a default class nor a provisioner takes the claim
NAME_LIMIT = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One claim's data in the backup; ``bytes`` and ``files`` as counted when it was written."""

    namespace: str
    claim: str
    bytes: int = 0
    files: int = 0


def directory(source_namespace: str, claim: str) -> str:
    """Where a claim's data lies below the data directory: as the state archive names it."""
    return f"volumes/{source_namespace}/{claim}"


def volume_name(namespace: str, claim: str) -> str:
    name = f"relight-{namespace}-{claim}"
    if len(name) <= NAME_LIMIT:
        return name
    return f"relight-{hashlib.sha256(name.encode()).hexdigest()}"


def bind(claim: Object) -> str:
    """Ties a claim, in place, to the volume that will hold its data."""
    spec = claim.setdefault("spec", {})
    for key in ("dataSource", "dataSourceRef", "selector", "volumeAttributesClassName"):
        spec.pop(key, None)
    was = spec.get("storageClassName")
    spec["storageClassName"] = BOUND_BY_RELIGHT
    spec["volumeName"] = volume_name(claim["metadata"]["namespace"], claim["metadata"]["name"])
    return "bound to its restored volume" + (f" instead of storage class {was}" if was else "")


def persistent_volume(claim: Object, source_namespace: str, *, empty: bool) -> Object:
    """The volume for a bound claim. Unless the claim had no volume yet, a missing directory keeps its pods from starting."""
    who, spec = identity(claim), claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": spec["volumeName"], "labels": {"app.kubernetes.io/managed-by": "relight"}},
        "spec": {
            "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
            "capacity": {"storage": spec.get("resources", {}).get("requests", {}).get("storage", "1Gi")},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": who.namespace, "name": who.name},
            "hostPath": {
                "path": f"{DATA_DIR}/{directory(source_namespace, who.name)}",
                "type": "DirectoryOrCreate" if empty else "Directory",
            },
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": BOUND_BY_RELIGHT,
            "volumeMode": "Filesystem",
        },
    }


def place(obj: Object, data_dir: Path) -> Object:
    """The object with the runner's data directory in it; only volumes of ours name one."""
    path = obj.get("spec", {}).get("hostPath", {}).get("path", "") if obj.get("kind") == "PersistentVolume" else ""
    if not path.startswith(f"{DATA_DIR}/"):
        return obj
    placed = deepcopy(obj)
    placed["spec"]["hostPath"]["path"] = str(data_dir / path.removeprefix(f"{DATA_DIR}/"))
    return placed
