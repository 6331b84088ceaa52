"""The negative control: damages a restored copy, the same way for the same seed, so that validators must see it.

Only a drill's own runner is ever damaged. A validator that still says PASSED on the damaged copy is not looking.
"""

import hashlib
import os
from pathlib import Path

from relight.config import Validator
from relight.recovery.cluster import ClusterApi
from relight.recovery.objects import pod_spec
from relight.recovery.quarantine import config_names

HEAD = 4096
READ_DATA = {"files", "job", "sql", "command", "output", "http"}
WORKLOADS = (("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("batch/v1", "CronJob"))


def damage_files(volumes: Path, validators: tuple[Validator, ...]) -> tuple[str, ...]:
    """For validators that read data, before a pod can hold it open and write it back; one line each for what was done."""
    kinds = {validator.kind for validator in validators}
    return tuple(f"{name}: its first bytes inverted" for name in _files(volumes)) if kinds & READ_DATA else ()


def damage_objects(cluster: ClusterApi, namespace: str, validators: tuple[Validator, ...]) -> tuple[str, ...]:
    """For validators that ask the cluster, once the objects are there; one line each. Raises what the cluster raises."""
    jobs = {item.cronjob or "" for item in validators if item.kind == "job"}
    done = [line for name in sorted(jobs) for line in _config(cluster, namespace, name)]
    done += _workload(cluster, namespace, jobs) if "ready" in {item.kind for item in validators} else []
    services = {(item.service or "").partition(":")[0] for item in validators if item.kind == "http"}
    done += [f"Service {name} deleted" for name in sorted(services) if cluster.delete("v1", "Service", namespace, name)]
    return tuple(done)


def _files(volumes: Path) -> list[str]:
    """Every regular file, so that a sample cannot miss the damage; times are kept, so that only the content tells."""
    damaged: dict[tuple[int, int], str] = {}  # a file with two names is inverted once: twice would repair it
    for path in sorted(volumes.rglob("*")):
        status = path.lstat()
        if path.is_symlink() or not path.is_file() or (status.st_dev, status.st_ino) in damaged:
            continue
        with path.open("r+b") as file:
            head = file.read(HEAD)
            file.seek(0)
            file.write(bytes(byte ^ 0xFF for byte in head) or b"\xff")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        damaged[(status.st_dev, status.st_ino)] = os.fsencode(path.relative_to(volumes)).decode("utf-8", "replace")
    return list(damaged.values())


def _config(cluster: ClusterApi, namespace: str, cronjob: str) -> list[str]:
    """Empties a key of a ConfigMap that the job reads."""
    spec = pod_spec(cluster.get("batch/v1", "CronJob", namespace, cronjob) or {"kind": "CronJob"})
    for name in sorted(config_names(spec or {})):
        found = cluster.get("v1", "ConfigMap", namespace, name) or {}
        keys = sorted(found.get("data") or {})
        if keys and not found.get("immutable"):
            key = min(keys, key=lambda text: hashlib.sha256(f"{name}\0{text}".encode()).digest())
            cluster.patch("v1", "ConfigMap", namespace, name, {"data": {key: None}})
            return [f"ConfigMap {name}: key {key} dropped"]
    return []


def _workload(cluster: ClusterApi, namespace: str, jobs: set[str]) -> list[str]:
    """Removes one workload: what is not there cannot be ready. A CronJob in ``jobs`` stays, for its own check to run."""
    for version, kind in WORKLOADS:
        names = {obj["metadata"]["name"] for obj in cluster.list(version, kind, namespace)}
        if names := names - jobs if kind == "CronJob" else names:
            cluster.delete(version, kind, namespace, min(names))
            return [f"{kind} {min(names)} deleted"]
    return []
