"""Planning: is it linear in objects? The peer of the large plan is ten of the small one."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.table import Row, compare, peak_mib, rated
from relight.config import App, Signal, Validator
from relight.model import Mode
from relight.records import replace
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.plan import PlanInputs, make_plan

APP = App(
    name="bench",
    namespace="bench",
    storage="s3://bench/app",
    signals=(Signal(name="age", kind="backup_age"),),
    validators=(Validator(name="ready", kind="ready"),),
)


def objects(count: int) -> list[dict[str, Any]]:
    metadata = {"namespace": "bench", "labels": {"app": "bench"}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "name": f"c{n}"}, "data": {"key": "value" * 20}}
        for n in range(count)
    ]


def inputs(count: int) -> PlanInputs:
    facts = BackupFacts(
        uri="s3://bench/app/backups/b1", metadata_sha256="0" * 64, backup_id="b1", created_at="2026-01-01T00:00:00Z"
    )
    recipe = Recipe(app=APP, backup=facts, manifests=objects(count))
    return PlanInputs(recipe=recipe, mode=Mode.DRILL, ladder=("m7g.large",))


def mixed(count: int) -> PlanInputs:
    """As ``inputs``, with workloads whose pods refer to what is there: what a plan has most to think about."""
    given = inputs(count)
    container = {"name": "main", "image": f"repo/app@sha256:{'a' * 64}", "env": [{"name": "K", "value": "value"}] * 10}
    container["envFrom"] = [{"configMapRef": {"name": "c0"}}]
    spec = {"replicas": 1, "template": {"metadata": {"labels": {"app": "bench"}}, "spec": {"containers": [container]}}}
    metadata = {"namespace": "bench", "labels": {"app": "bench"}}
    workloads: list[dict[str, Any]] = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**metadata, "name": f"d{n}"}, "spec": spec}
        for n in range(count // 2)
    ]
    return replace(given, recipe=replace(given.recipe, manifests=objects(count - len(workloads)) + workloads))


def bounded(count: int, seconds: float, mib: float) -> Iterator[Row]:
    """A plan in a process of its own, against the most that it may take."""
    command = [sys.executable, "-m", "benchmarks.plans", str(count)]
    taken = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    name = f"plan of {count:,} objects, half of them workloads"
    yield rated(name, f"{seconds:.0f} s", 1.0, taken["seconds"], seconds)
    yield rated(f"peak memory, MiB, {name}", f"{mib:.0f} MiB", 1.0, taken["mib"], mib)


def rows() -> Iterator[Row]:
    yield from bounded(20_000, 10, 300)
    small, large = inputs(2_000), inputs(20_000)

    def tenfold() -> None:
        for _ in range(10):
            make_plan(small)

    yield compare(
        "plan of 20,000 objects",
        "ten plans of 2,000",
        1.2,
        ours=lambda: _plan(large),
        theirs=tenfold,
        prepare=lambda: None,
    )


def _plan(given: PlanInputs) -> None:
    make_plan(given)


def main(count: int) -> None:
    given, began = mixed(count), time.perf_counter()
    make_plan(given)
    print(json.dumps({"seconds": time.perf_counter() - began, "mib": peak_mib()}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
