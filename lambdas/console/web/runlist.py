"""The list of runs, a page at a time: however many there are, a page reads as many rows as it shows."""

import json
from typing import Any

from lambdas.console import runs
from lambdas.console.answers import Answer, see
from lambdas.console.desk import Desk
from lambdas.console.web.render import page
from lambdas.console.web.session import HOME, Visit
from relight.adapters import parameters
from relight.adapters.runlist import RunList
from relight.model import Run, decode

ROWS = 50


def shown(desk: Desk, visit: Visit) -> Answer:
    """``?app=`` of one app only; ``?before=`` the page after that row. Raises UnknownApp."""
    named, before = visit.request.query.get("app", ""), visit.request.query.get("before", "")
    apps = [parameters.app(named)] if named else parameters.apps()
    listed = RunList(desk.settings.table)
    keys = sorted((key for app in apps for key in listed.before(app.name, before, ROWS + 1)), reverse=True)
    records = listed.records([key.partition("#")[2] for key in keys[:ROWS]])
    rows = [row(desk, records[run_id]) for key in keys[:ROWS] if (run_id := key.partition("#")[2]) in records]
    older = keys[ROWS - 1] if len(keys) > ROWS else ""
    return page("runs.html.j2", visit, rows=rows, app=named, before=before, older=older, apps=[one.name for one in apps])


def row(desk: Desk, record: dict[str, Any]) -> dict[str, Any]:
    record = {**record, "run": json.loads(record["run"])}
    return runs.row(runs.ended(desk, decode(record["run"], Run), record))


def start(desk: Desk, visit: Visit) -> Answer:
    """A drill, asked for by whoever is signed in."""
    form = visit.request.form
    asked = {"app": form.get("app", ""), "mode": "drill", "reason": form.get("reason", "")}
    begun = runs.start(desk, visit.call(**asked))
    return see(f"{HOME}/runs/{begun['run_id']}")
