"""A whole recovery against a Kubernetes API over HTTP: collect, plan, restore, validate, promote, freeze."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from relight.adapters.kube import Cluster
from relight.config import Quarantine, Validator
from relight.model import RestoreOutcome, Verdict
from relight.recovery.apply import Applier, apply_plan
from relight.recovery.cluster import Object
from relight.recovery.collect import collect
from relight.recovery.damage import damage_files, damage_objects
from relight.recovery.plan import bind, open_plan
from relight.recovery.release import freeze, lift
from relight.recovery.validators import ValidationContext, judge, run_all, unnoticed
from tests.recovery.shop import IMAGE, app, backup, config, namespace, obj, plan, recipe, secret

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STATE = b"41 orders\n"
COUNT = "print(int(open('/data/state').read().split()[0]) + 1, 'orders in', __import__('os').environ['BUCKET'])"
VALIDATORS = (
    Validator(name="files", kind="files", deadline=20),
    Validator(name="ready", kind="ready", deadline=60),
    Validator(name="nightly", kind="job", cronjob="nightly", deadline=60),
    Validator(name="front", kind="http", service="web:http", path="/state", expect="41 orders", deadline=20),
    Validator(
        name="look", kind="command", image=IMAGE, command=("grep", "-q", "41", "/claims/ledger/state"), claims=("ledger",)
    ),
)
QUARANTINE = Quarantine(config={"settings": {"BUCKET": "s3://rehearsal"}})

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@contextmanager
def cluster(home: Path, allowed: Path) -> Iterator[Cluster]:
    command = [sys.executable, "-m", "relight.local.cluster", "--data", str(home / "data")]
    command += ["--kubeconfig", str(home / "kubeconfig"), "--allow-host-path", str(allowed)]
    with (home / "log").open("wb") as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
        try:
            found = Cluster(home / "kubeconfig")
            give_up = time.monotonic() + START_SECONDS
            while not found.ready():
                assert process.poll() is None and time.monotonic() < give_up, (home / "log").read_text()
                time.sleep(0.2)
            yield found
        finally:
            process.terminate()


def pod(*command: str, ports: bool = False, **fields: Any) -> Object:
    mounts = [{"name": "data", "mountPath": "/data"}]
    main = {"name": "main", "image": IMAGE, "command": [*command], "volumeMounts": mounts}
    main |= {"ports": [{"name": "http", "containerPort": 8080}]} if ports else {}
    main["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "ledger"}}]
    return {"containers": [main], "volumes": volumes, **fields}


def install(primary: Cluster) -> None:
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": pod("python3", "-m", "http.server", "8080", "--directory", "/data", ports=True),
    }
    job = {"spec": {"template": {"spec": pod("python3", "-c", COUNT, restartPolicy="Never")}}}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    for item in (
        {key: value for key, value in namespace().items() if key not in ("spec", "status")},
        secret(),
        config(),
        obj("v1", "PersistentVolumeClaim", "ledger", spec=claim),
        obj("v1", "Service", "web", spec={"selector": labels, "ports": ports}),
        obj("apps/v1", "Deployment", "web", spec={"selector": {"matchLabels": labels}, "template": template}),
        obj("batch/v1", "CronJob", "nightly", spec={"schedule": "0 3 * * *", "jobTemplate": job}),
    ):
        primary.apply(item)


def volume_of(primary: Cluster) -> Path:
    for _ in range(100):
        claim = primary.get("v1", "PersistentVolumeClaim", "shop", "ledger") or {}
        if claim.get("status", {}).get("phase") == "Bound":
            return collect(primary, "shop").volumes[0].directory
        time.sleep(0.2)
    seen = {kind: primary.list("v1", kind, "shop") for kind in ("PersistentVolumeClaim", "Pod", "Event")}
    raise AssertionError(f"the claim was never bound: {seen}")


def carry(state: bytes, data: Path) -> None:
    """The volume's data and its index, as the backup's reader leaves them on a runner."""
    place = data / "volumes/shop/ledger/state"
    place.parent.mkdir(parents=True)
    place.write_bytes(state)
    digest = hashlib.sha256(state).hexdigest()
    line = {"path": "volumes/shop/ledger/state", "type": "file", "bytes": len(state), "sha256": digest}
    (data / "index.jsonl").write_text(json.dumps(line) + "\n")


@pytest.mark.skipif(os.name != "posix", reason="the cluster runs containers as processes")
def test_a_shop_is_collected_restored_validated_promoted_and_frozen(tmp_path: Path) -> None:
    for name in ("primary", "runner", "disk"):
        (tmp_path / name).mkdir()
    data = tmp_path / "disk"
    with cluster(tmp_path / "primary", tmp_path) as primary:
        install(primary)
        (volume_of(primary) / "state").write_bytes(STATE)
        collected = collect(primary, "shop")
        carry((collected.volumes[0].directory / "state").read_bytes(), data)
    shop = recipe(collected.objects, app=app(validators=VALIDATORS, quarantine=QUARANTINE), backup=backup(images=[]))
    bundle = plan(shop)
    opened = open_plan(bundle.files, bundle.hash)
    objects = bind(opened, shop)
    with cluster(tmp_path / "runner", tmp_path) as runner:
        ledger = apply_plan(Applier(cluster=runner, data_dir=data), opened, objects)
        assert ledger.outcome == RestoreOutcome.COMPLETE, ledger.faults
        expected = tuple(item.identity for item in objects if item.object is not None)
        context = ValidationContext(cluster=runner, namespace="shop", run_id="r", data_dir=data, expected=expected)
        checks = run_all(VALIDATORS, context)
        assert judge(checks) == Verdict.PASSED, checks
        assert checks[2].evidence["log"] == "42 orders in s3://rehearsal\n"
        assert runner.list("batch/v1", "Job", "shop") == []

        assert all(action.done for action in lift(runner, opened, objects, data))
        assert (runner.get("batch/v1", "CronJob", "shop", "nightly") or {})["spec"].get("suspend") in (None, False)
        assert runner.get("networking.k8s.io/v1", "NetworkPolicy", "shop", "relight-quarantine") is None
        template = (runner.get("apps/v1", "Deployment", "shop", "web") or {})["spec"]["template"]
        assert "annotations" not in template.get("metadata", {})
        assert all(action.done for action in freeze(runner, "shop", drain_seconds=60))

        apply_plan(Applier(cluster=runner, data_dir=data), opened, objects)
        damage_files(data / "volumes", VALIDATORS)
        damage_objects(runner, "shop", VALIDATORS)
        assert unnoticed(run_all(VALIDATORS, context)) == ()
