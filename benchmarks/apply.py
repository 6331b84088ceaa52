"""Applying objects: ours against ``kubectl apply --server-side`` in the same run, on an API that answers at a fixed pace.

Rows against kubectl say so where none is on PATH.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.plans import inputs
from benchmarks.table import Row, rated, unrated
from relight.recovery.plan import make_plan

STARTED_SECONDS = 60
OBJECTS = 5_000
ROUNDS = 3
PEER = "kubectl apply --server-side"
# (answer time of the API in seconds, target ratio to kubectl)
PACES = ((0.005, 0.12), (0.02, 0.05))
CPU_TARGET = 0.6
LOCAL_A_SECOND = 300


def rows(count: int = OBJECTS) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as folder:
        home = Path(folder)
        (home / "objects.yaml").write_text(manifests(count))
        kubectl = shutil.which("kubectl")
        for seconds, target in PACES:
            if kubectl is None:
                yield unrated(_name(count, seconds), PEER, target, "kubectl is not installed")
                continue
            with stub(home, seconds) as kubeconfig:
                yield from against_kubectl(Path(kubectl), kubeconfig, home, count, seconds, target)
        with local_cluster(home) as kubeconfig:
            allowed = count / LOCAL_A_SECOND
            name = f"apply {count:,} objects to the local cluster"
            yield rated(name, f"{LOCAL_A_SECOND} objects/s", 1.0, ours(kubeconfig, count)["wall"], allowed)


def manifests(count: int) -> str:
    objects = [item.object for item in make_plan(inputs(count)).objects if item.object is not None]
    return yaml.dump_all(objects, Dumper=yaml.CSafeDumper)


def against_kubectl(kubectl: Path, kubeconfig: Path, home: Path, count: int, seconds: float, target: float) -> Iterator[Row]:
    """kubectl is timed as a process; ours from the open plan to the ledger, since an agent opens it while k3s starts."""
    command = [str(kubectl), "--kubeconfig", str(kubeconfig), "apply", "--server-side", "--validate=false", "-f"]
    theirs = _spent([*command, str(home / "objects.yaml")], home)
    mine = [ours(kubeconfig, count) for _ in range(ROUNDS)]
    name = _name(count, seconds)
    yield rated(name, PEER, target, median(one["wall"] for one in mine), theirs["wall"])
    yield rated(f"CPU, {name}", PEER, CPU_TARGET, median(one["cpu"] for one in mine), theirs["cpu"])


def _name(count: int, seconds: float) -> str:
    return f"apply {count:,} objects, answers in {seconds * 1000:.0f} ms"


def ours(kubeconfig: Path, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.apply_ours", str(kubeconfig), str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _spent(command: list[str], home: Path) -> dict[str, float]:
    environment = os.environ | {"HOME": str(home)}  # kubectl keeps what it discovered there
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


@contextmanager
def stub(home: Path, seconds: float) -> Iterator[Path]:
    command = [sys.executable, "-m", "benchmarks.apply_stub", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = f"http://127.0.0.1:{int(process.stdout.readline())}"
            path = home / f"kubeconfig-{seconds}"
            path.write_text(json.dumps(config(address)))
            yield path
        finally:
            process.terminate()


def config(address: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": address}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "users": [{"name": "bench", "user": {"token": "bench"}}],
    }


@contextmanager
def local_cluster(home: Path) -> Iterator[Path]:
    path = home / "kubeconfig"
    command = [sys.executable, "-m", "relight.local.cluster", "--data", str(home / "cluster"), "--kubeconfig", str(path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            give_up = time.monotonic() + STARTED_SECONDS
            while not path.exists():
                if process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError("the local cluster did not start")
                time.sleep(0.1)
            yield path
        finally:
            process.terminate()
