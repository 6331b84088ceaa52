"""What a promotion would do, told before anybody decides: for the message, the status, the page and the evidence."""

import json
from typing import Any

from relight.adapters.notes import Preview
from relight.adapters.s3 import join
from relight.config import App
from relight.errors import RelightError
from relight.evidence.binding import digest
from relight.evidence.step import Step, log
from relight.model import PlanRef, Runner, canonical, encode
from relight.promotion.acting import preview
from relight.promotion.kind import Scene
from relight.promotion.lifting import lifted
from relight.recovery.plan import OBJECTS


def foretold(this: Step, app: App, plan: PlanRef) -> tuple[str, ...]:
    """Its lines, once they are on record. Reads only; that it could not be told holds up nobody's decision."""
    try:
        found = _look(this, app, plan)
        _keep(this, found)
    except RelightError as error:
        log.error("what a promotion would do could not be told", extra={"error": str(error)})
        return (f"could not be told: {type(error).__name__}: {error}",)
    return found.lines


def _look(this: Step, app: App, plan: PlanRef) -> Preview:
    scene = Scene(
        store=this.store, table=this.table, run=this.run, runner=this.maybe("launch", Runner),
        storage=app.storage, namespace=app.namespace,
    )  # fmt: skip
    found = preview(scene, app.promote)
    return Preview(lines=(*found.lines, *lifted(this.store.get(join(plan.uri, OBJECTS)))), seen=found.seen)


def _keep(this: Step, found: Preview) -> None:
    """In the table, where Promote compares it, for the status, and in the evidence under its digest."""
    told: dict[str, Any] = encode(found)
    this.table.keep_preview(this.run.run_id, found)
    this.table.note_run(this.run, preview=json.dumps({"lines": told["lines"]}))
    document = canonical(told)
    this.store.put(f"{this.prefix}/artifacts/preview-{digest(document)[:12]}.json", document)
