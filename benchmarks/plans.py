"""Planning: is it linear in objects? The peer of the large plan is ten of the small one."""

from collections.abc import Iterator
from typing import Any

from benchmarks.table import Row, compare
from relight.config import App, Signal, Validator
from relight.model import Mode
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


def rows() -> Iterator[Row]:
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
