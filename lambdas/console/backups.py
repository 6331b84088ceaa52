"""What the catalog knows of an app's backups."""

from typing import Any

from lambdas.console.desk import Call, Desk
from relight.adapters import parameters
from relight.adapters.catalog import Catalog
from relight.model import MarkName, encode


def listed(desk: Desk, call: Call) -> dict[str, Any]:
    """Every entry, and the backups that last-valid and last-proven name. Raises UnknownApp."""
    app, catalog = parameters.app(call.app), Catalog(desk.settings.table)
    marks = {name.value: catalog.mark(app.name, name) for name in MarkName}
    return {"app": app.name, "entries": encode(catalog.entries(app.name)), "marks": encode(marks)}
