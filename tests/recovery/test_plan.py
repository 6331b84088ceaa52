"""The plan: deterministic, complete, bound to what is restored, and without anything secret."""

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest

from relight.errors import MetadataMalformed, PlanDrifted
from relight.model import RunRequest, canonical
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.order import WAVES, wave
from relight.recovery.plan import bind, open_plan
from tests.recovery.shop import SECRET, SECRET_BASE64, app, backup, config, obj, plan, planned, recipe, rows, shop

ROOT = Path(__file__).parents[2]
PRINT_PLAN = """
import sys
from tests.recovery.shop import plan
for name, data in sorted(plan().files.items()):
    sys.stdout.buffer.write(name.encode() + b"\\0" + data)
"""


def printed(hash_seed: str, cwd: Path) -> bytes:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT), "TZ": f"Etc/GMT+{hash_seed}"}
    return subprocess.run(
        [sys.executable, "-c", PRINT_PLAN], env=environment, cwd=cwd, capture_output=True, check=True
    ).stdout


def test_the_bundle_is_byte_identical_across_processes_hash_seeds_zones_and_directories(tmp_path: Path) -> None:
    first, second = printed("1", ROOT), printed("7", tmp_path)
    assert first == second
    assert b"objects.jsonl" in first


def test_the_order_of_the_manifests_in_the_backup_does_not_matter() -> None:
    assert plan(recipe([*reversed(shop())])).hash == plan().hash


def test_the_plan_names_no_run_and_no_clock() -> None:
    runs = [RunRequest(app="shop", reason=reason, initiator=reason) for reason in ("one", "two")]
    hashes = {plan(Recipe.of(app(), run, backup(), shop())).hash for run in runs}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    "other",
    [
        recipe([*shop(), config("more", KEY="value")]),
        recipe([*shop()[:-1]]),
        recipe(namespace="rehearsal"),
        recipe(image_ref=f"registry.example/shop@sha256:{'e' * 64}"),
        recipe(backup=backup(created_at="2026-11-22T03:00:00Z")),
        recipe(run_job=False),
        recipe(app=app(allow_partial=True)),
    ],
)
def test_whatever_changes_the_restore_changes_the_hash(other: Recipe) -> None:
    assert plan(other).hash != plan().hash


def test_one_changed_byte_of_a_secret_changes_the_hash_though_the_plan_does_not_hold_it() -> None:
    changed = shop()
    changed[1]["data"] = {"password": "b3RoZXI="}
    assert plan(recipe(changed)).hash != plan().hash
    everything = b"".join(plan().files.values()).decode()
    assert SECRET not in everything and SECRET_BASE64 not in everything and "s3://production" not in everything


def test_every_object_has_a_row_with_action_reason_wave_and_digest() -> None:
    found = {(row["kind"], row["name"]): row for row in rows(plan(recipe([*shop(), obj("v1", "Event", "web.1")])))}
    assert found[("Event", "web.1")]["action"] == "skip" and found[("Event", "web.1")]["sha256"] is None
    assert found[("CronJob", "nightly")]["action"] == "transform"
    assert found[("CronJob", "nightly")]["sha256"] != found[("CronJob", "nightly")]["released_sha256"]
    assert found[("Secret", "credentials")]["action"] == "create" and len(found[("Secret", "credentials")]["sha256"]) == 64
    assert [row["wave"] for row in rows(plan())] == sorted(row["wave"] for row in rows(plan()))


def test_the_document_says_what_a_person_asks() -> None:
    document = plan().document
    assert document["backup"]["backup_id"] == "2026-11-23"
    assert {"workload": "CronJob/nightly", "container": "main"}.items() <= document["images"][0].items()
    assert all(image["pinned"] for image in document["images"])
    assert document["volumes"][0] | {"bytes": 900, "files": 3, "directory": "volumes/shop/ledger"} == document["volumes"][0]
    assert [validator["name"] for validator in document["validators"]] == ["ready", "nightly"]
    assert document["runner"]["ladder"] == ["m7g.large", "t4g.large"]
    assert document["estimate"]["seconds"] > 0 and document["estimate"]["usd"] > 0
    assert document["order"][0] == ["CustomResourceDefinition"]


def test_without_the_job_its_validator_is_not_planned() -> None:
    assert [row["kind"] for row in plan(recipe(run_job=False)).document["validators"]] == ["ready"]


# ---------------------------------------------------------------- whoever restores holds on to it
def test_a_plan_is_opened_and_bound_to_the_same_objects() -> None:
    bundle = plan()
    opened = open_plan(bundle.files, bundle.hash)
    assert bind(opened, recipe()) == bundle.objects


@pytest.mark.parametrize("name", ["plan.json", "objects.jsonl", "manifest.json"])
@pytest.mark.parametrize("harm", [lambda data: data + b" ", lambda data: b"", lambda data: data.replace(b"s", b"z")])
def test_a_plan_that_was_touched_is_refused(name: str, harm: object) -> None:
    bundle = plan()
    with pytest.raises(PlanDrifted, match="make a new plan"):
        open_plan(bundle.files | {name: harm(bundle.files[name])}, bundle.hash)  # type: ignore[operator]


def test_a_plan_without_one_of_its_files_is_refused() -> None:
    bundle = plan()
    with pytest.raises(PlanDrifted):
        open_plan({"manifest.json": bundle.files["manifest.json"]}, bundle.hash)


def test_a_plan_with_another_hash_is_refused() -> None:
    with pytest.raises(PlanDrifted):
        open_plan(plan().files, "0" * 64)


def test_a_backup_that_changed_after_planning_is_refused_by_the_first_object_that_differs() -> None:
    bundle = plan()
    changed = deepcopy(shop())
    changed[2]["data"]["MODE"] = "hourly"
    with pytest.raises(PlanDrifted, match="ConfigMap shop/settings"):
        bind(open_plan(bundle.files, bundle.hash), recipe(changed))


def test_an_object_more_or_less_than_planned_is_refused() -> None:
    bundle = plan()
    opened = open_plan(bundle.files, bundle.hash)
    late = obj("autoscaling/v2", "HorizontalPodAutoscaler", "web", spec={})
    for manifests in ([*shop(), late], shop()[:-1]):
        with pytest.raises(PlanDrifted):
            bind(opened, recipe(manifests))


# ---------------------------------------------------------------- order
def test_definitions_come_first_and_admission_last() -> None:
    first, last = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "a", None), obj("x/v1", "APIService", "b", None)
    middle = [wave(item) for item in [*shop(), obj("example.com/v1", "Widget", "w")]]
    assert wave(first) < min(middle) and max(middle) < wave(last)


def test_what_a_pod_needs_is_there_before_the_pod() -> None:
    needs = ("Namespace", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim", "NetworkPolicy", "Widget")
    workloads = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
    latest = max(wave(obj("v1", kind, "x")) for kind in needs)
    assert all(wave(obj("v1", kind, "x")) > latest for kind in workloads)


def test_no_kind_is_in_two_waves() -> None:
    kinds = [kind for kinds in WAVES for kind in kinds]
    assert len(kinds) == len(set(kinds))


# ---------------------------------------------------------------- the backup's facts
def test_metadata_of_another_shape_is_named() -> None:
    with pytest.raises(MetadataMalformed, match="images"):
        BackupFacts.of("s3://b/backups/x", "a" * 64, {"schema_version": 1, "backup_id": "x", "created_at": "x", "images": 7})


def test_released_forms_are_covered_by_the_plan_too() -> None:
    item = planned(plan(), "ConfigMap", "settings")
    assert str(item.released_sha256) in plan().files["objects.jsonl"].decode()
    assert json.loads(canonical(item.row()))["released_sha256"] == item.released_sha256
