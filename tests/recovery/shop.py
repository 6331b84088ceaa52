"""The app of these tests: a shop with a nightly job, a web server, a claim, and all that acts on the world outside."""

import json
from copy import deepcopy
from typing import Any

from relight.config import App, Quarantine, Signal, Validator
from relight.model import Mode
from relight.recovery.cluster import Object, Objects
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.plan import PlanBundle, PlanInputs, make_plan
from relight.recovery.prepare import PlannedObject

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
IMAGE = f"registry.example/shop@{DIGEST}"
TAG = "registry.example/shop:1.4"
SECRET = "hunter2-and-more"
SECRET_BASE64 = "aHVudGVyMi1hbmQtbW9yZQ=="


def obj(api_version: str, kind: str, name: str, namespace: str | None = "shop", **fields: Any) -> Object:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata | fields.pop("metadata", {}), **fields}


def pod(image: str = TAG, **fields: Any) -> Object:
    return {"containers": [{"name": "main", "image": image, "envFrom": [{"configMapRef": {"name": "settings"}}]}], **fields}


def deployment(name: str = "web", image: str = TAG, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod(image)}
    return obj("apps/v1", "Deployment", name, spec={"replicas": 2, "template": template, **spec})


def cronjob(name: str = "nightly", image: str = TAG) -> Object:
    template = {"spec": {"template": {"spec": pod(image, restartPolicy="OnFailure")}}}
    return obj("batch/v1", "CronJob", name, spec={"schedule": "0 3 * * *", "jobTemplate": template})


def claim(name: str = "ledger", **fields: Any) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "gp3"}
    return obj("v1", "PersistentVolumeClaim", name, spec=spec | fields.pop("spec", {}), **fields)


def secret(name: str = "credentials") -> Object:
    return obj("v1", "Secret", name, type="Opaque", data={"password": SECRET_BASE64})


def config(name: str = "settings", **data: str) -> Object:
    return obj("v1", "ConfigMap", name, data=data or {"BUCKET": "s3://production", "MODE": "daily"})


def load_balancer(name: str = "public") -> Object:
    ports = [{"port": 443, "nodePort": 31443}]
    spec = {"type": "LoadBalancer", "clusterIP": "10.0.0.9", "externalTrafficPolicy": "Local", "ports": ports}
    return obj("v1", "Service", name, spec=spec)


def namespace(name: str = "shop") -> Object:
    return obj("v1", "Namespace", name, None, spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})


def shop() -> Objects:
    return [namespace(), secret(), config(), claim(), load_balancer(), deployment(), cronjob()]


def app(**fields: Any) -> App:
    chosen: dict[str, Any] = {
        "name": "shop",
        "namespace": "shop",
        "storage": "s3://backups/shop",
        "signals": (Signal(name="age", kind="backup_age"),),
        "validators": (Validator(name="ready", kind="ready"), Validator(name="nightly", kind="job", cronjob="nightly")),
        "quarantine": Quarantine(config={"settings": {"BUCKET": "s3://rehearsal"}}, allow_egress=("10.1.0.0/16",)),
    }
    return App(**(chosen | fields))


def backup(**fields: Any) -> BackupFacts:
    document = {
        "schema_version": 1,
        "backup_id": "2026-11-23",
        "app": "shop",
        "namespace": "shop",
        "created_at": "2026-11-23T03:00:00Z",
        "artifacts": {"state.tar.zst": {"bytes": 1000, "sha256": "c" * 64}},
        "images": [
            {"workload": kind, "container": "main", "ref": f"{TAG}@{DIGEST}"}
            for kind in ("Deployment/web", "CronJob/nightly")
        ],
        "volumes": [{"namespace": "shop", "claim": "ledger", "bytes": 900, "files": 3}],
        "platforms": {IMAGE: ["linux/arm64"]},
    }
    return BackupFacts.of("s3://backups/shop/backups/2026-11-23", "d" * 64, document | fields)


def recipe(manifests: Objects | None = None, **fields: Any) -> Recipe:
    chosen: dict[str, Any] = {
        "app": app(),
        "backup": backup(),
        "manifests": deepcopy(shop() if manifests is None else manifests),
    }
    return Recipe(**(chosen | fields))


def plan(made_of: Recipe | None = None) -> PlanBundle:
    return make_plan(PlanInputs(recipe=made_of or recipe(), mode=Mode.DRILL, ladder=("m7g.large", "t4g.large")))


def planned(bundle: PlanBundle, kind: str, name: str) -> PlannedObject:
    (found,) = [item for item in bundle.objects if (item.identity.kind, item.identity.name) == (kind, name)]
    return found


def rows(bundle: PlanBundle) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bundle.files["objects.jsonl"].splitlines()]
