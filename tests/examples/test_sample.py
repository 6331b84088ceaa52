"""The sample application: its state is repeatable, its job notices every loss, its manifests are whole."""

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.sample import seed
from relight import configfile

SAMPLE = Path(__file__).parents[2] / "examples/sample"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    seed.seed(tmp_path / "data", vouchers=40, entries=400)
    return tmp_path / "data"


def run_job(state: Path, publish_to: str) -> subprocess.CompletedProcess[str]:
    environment = {"DATA_DIR": str(state), "PUBLISH_URI": publish_to}
    return subprocess.run(
        [sys.executable, SAMPLE / "app/job.py"], env=environment, capture_output=True, text=True, timeout=60
    )


def contents(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def manifests() -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((SAMPLE / "kustomization.yaml").read_text())
    return [doc for name in kustomization["resources"] for doc in yaml.safe_load_all((SAMPLE / name).read_text())]


def by_kind(kind: str) -> list[dict[str, Any]]:
    return [doc for doc in manifests() if doc["kind"] == kind]


def pod_specs() -> list[dict[str, Any]]:
    templates = [doc["spec"]["template"] for doc in by_kind("Deployment")]
    templates += [doc["spec"]["jobTemplate"]["spec"]["template"] for doc in by_kind("CronJob")]
    return [template["spec"] for template in templates]


# ------------------------------------------------------------------ state
def test_seeding_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        seed.seed(tmp_path / name, vouchers=30, entries=300)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_default_state_is_a_database_and_many_small_files(tmp_path: Path) -> None:
    seed.seed(tmp_path)
    assert len(list((tmp_path / "vouchers").rglob("*.json"))) == 400
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        assert ledger.execute("SELECT COUNT(*) FROM entries").fetchone() == (4000,)


# ------------------------------------------------------------------ job
def test_the_job_publishes_result_marker_and_pointers(state: Path, tmp_path: Path) -> None:
    done = run_job(state, f"file://{tmp_path}/out")
    assert done.returncode == 0, done.stderr
    pointer = json.loads((tmp_path / "out/state/last_success.json").read_text())
    assert (tmp_path / "out/state/sample/daily/last_success.json").is_file()
    assert (tmp_path / "out/latest/sample/daily/report.json").is_file()
    report = json.loads((tmp_path / "out" / pointer["run_path"]).read_text())
    assert (report["entries"], report["vouchers"]) == (400, 40)
    assert report["total"] == sum(report["accounts"].values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", pointer["ended_at"])


def test_the_result_depends_on_the_state(state: Path, tmp_path: Path) -> None:
    seed.seed(tmp_path / "other", vouchers=41, entries=400)
    for data, out in ((state, "a"), (tmp_path / "other", "b")):
        assert run_job(data, f"file://{tmp_path}/{out}").returncode == 0
    digests = {json.loads((tmp_path / out / "state/last_success.json").read_text())["state_sha256"] for out in "ab"}
    assert len(digests) == 2


def first_voucher(state: Path) -> Path:
    return sorted((state / "vouchers").rglob("*.json"))[0]


def change_a_row(state: Path) -> None:
    with sqlite3.connect(state / "ledger.db") as ledger:
        ledger.execute("UPDATE entries SET cents = cents + 1 WHERE id = 7")
    ledger.close()


DAMAGE = {
    "a voucher is lost": lambda state: first_voucher(state).unlink(),
    "a voucher is empty": lambda state: first_voucher(state).write_bytes(b""),
    "a voucher is changed": lambda state: first_voucher(state).write_text('{"cents": 1, "entries": 1}'),
    "a voucher is of another shape": lambda state: first_voucher(state).write_text("[]"),
    "a row is changed": change_a_row,
    "the database is cut": lambda state: (state / "ledger.db").write_bytes((state / "ledger.db").read_bytes()[:5000]),
    "the database is missing": lambda state: (state / "ledger.db").unlink(),
    "the claim is empty": lambda state: subprocess.run(["rm", "-r", state], check=True),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_the_job_publishes_nothing_from_a_damaged_state(what: str, state: Path, tmp_path: Path) -> None:
    DAMAGE[what](state)
    done = run_job(state, f"file://{tmp_path}/out")
    assert done.returncode == 1
    assert done.stderr.startswith("ledger: not published: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_target_is_refused_in_one_line(state: Path) -> None:
    done = run_job(state, "ftp://somewhere")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


# ------------------------------------------------------------------ server
@pytest.fixture
def served(state: Path) -> Iterator[str]:
    starter = (
        "import sys; sys.argv=['server']; from http.server import ThreadingHTTPServer as S; import runpy; "
        f"m = runpy.run_path({str(SAMPLE / 'app/server.py')!r}); s = S(('127.0.0.1', 0), m['Handler']); "
        "print(s.server_address[1], flush=True); s.serve_forever()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", starter], env={"DATA_DIR": str(state)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.terminate()
    process.wait(timeout=10)


def fetch(url: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_the_server_answers_from_the_state(served: str) -> None:
    assert fetch(f"{served}/healthz") == (200, {"ok": True, "entries": 400})
    assert set(fetch(f"{served}/")[1]) == set(seed.ACCOUNTS)
    assert fetch(f"{served}/secret")[0] == 404


def test_the_server_is_unhealthy_without_its_state(served: str, state: Path) -> None:
    (state / "ledger.db").unlink()
    assert fetch(f"{served}/healthz")[0] == 503


# ------------------------------------------------------------------ manifests
def test_the_application_has_every_part_of_the_seeds_shape() -> None:
    kinds = {doc["kind"] for doc in manifests()}
    assert kinds == {
        "Namespace", "ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim", "CronJob", "Deployment", "Service",
    }  # fmt: skip


def test_every_image_is_pinned_by_digest() -> None:
    images = [container["image"] for spec in pod_specs() for container in spec["containers"]]
    assert images
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", image) for image in images)


def test_every_reference_between_the_manifests_leads_somewhere() -> None:
    kustomization = yaml.safe_load((SAMPLE / "kustomization.yaml").read_text())
    there = {(doc["kind"], doc["metadata"]["name"]) for doc in manifests()}
    there |= {("ConfigMap", made["name"]) for made in kustomization["configMapGenerator"]}
    assert all((SAMPLE / name).is_file() for made in kustomization["configMapGenerator"] for name in made["files"])
    for spec in pod_specs():
        wanted = {("ServiceAccount", spec["serviceAccountName"])}
        wanted |= {
            ("PersistentVolumeClaim", v["persistentVolumeClaim"]["claimName"])
            for v in spec["volumes"]
            if "persistentVolumeClaim" in v
        }
        wanted |= {("ConfigMap", v["configMap"]["name"]) for v in spec["volumes"] if "configMap" in v}
        assert wanted <= there


def test_the_repository_holds_placeholders_and_no_credential() -> None:
    (secret,) = by_kind("Secret")
    assert set(secret["stringData"].values()) == {"replace-me"}


# ------------------------------------------------------------------ relight.toml
def test_the_sample_is_a_valid_protected_app_that_fits_its_manifests() -> None:
    app = configfile.load(SAMPLE / "relight.toml").app("sample")
    (namespace,) = by_kind("Namespace")
    (settings,) = by_kind("ConfigMap")
    (cronjob,) = by_kind("CronJob")
    assert app.namespace == namespace["metadata"]["name"]
    assert app.storage == settings["data"]["PUBLISH_URI"]
    assert {signal.kind for signal in app.signals} == {"pointer", "http"}
    assert {validator.kind for validator in app.validators} >= {"ready", "job", "files"}
    assert next(v for v in app.validators if v.kind == "job").cronjob == cronjob["metadata"]["name"]
    assert next(s.schedule.cron for s in app.signals if s.schedule) == cronjob["spec"]["schedule"]


def test_a_quarantined_copy_publishes_outside_of_production() -> None:
    app = configfile.load(SAMPLE / "relight.toml").app("sample")
    override = app.quarantine.config["sample-settings"]["PUBLISH_URI"]
    mounts = {mount["mountPath"] for spec in pod_specs() for mount in spec["containers"][0]["volumeMounts"]}
    assert override.startswith("file://")
    assert override.removeprefix("file://") in mounts
