"""What the triggers of an app last did, and what came of it."""

from typing import Any

from lambdas.console.desk import Call, Desk
from relight.adapters import parameters
from relight.adapters.arrivals import Arrivals
from relight.adapters.catalog import Catalog
from relight.drills import unproven
from relight.errors import RequestInvalid
from relight.model import encode


def listed(desk: Desk, call: Call) -> dict[str, Any]:
    """``?app=``. Each trigger that ever fired; ``outcome`` of its run, None while that goes on.

    ``unproven``: why nothing should start by itself yet, or None.
    """
    if not call.query.get("app"):
        raise RequestInvalid("app", "is missing", "ask for GET /triggers?app=NAME")
    app = parameters.app(call.query["app"])
    rows = [encode(fired) for fired in Arrivals(desk.settings.table).fired(app.name)]
    for row in rows:
        record = desk.table.run(row["run_id"]) if row["run_id"] else None
        row["outcome"] = (record or {}).get("outcome")
    why = unproven(app, Catalog(desk.settings.table).drill(app.name))
    return {"triggers": rows, "unproven": why}
