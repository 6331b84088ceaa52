"""The first page: each app, how it is, what could bring it back, and whether that would work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from lambdas.console.answers import Answer
from lambdas.console.desk import Desk
from lambdas.console.web.render import page
from lambdas.console.web.session import Visit
from relight.adapters import parameters, triggers
from relight.adapters.catalog import Catalog
from relight.adapters.s3 import S3
from relight.adapters.table import Lease
from relight.config import App
from relight.errors import RelightError
from relight.model import Mark, MarkName, timestamp
from relight.readiness.kept import latest

T = TypeVar("T")
log = Logger()
AT_ONCE = 8  # apps that are read at the same time
HEALTH = {"OK": "healthy", "ALARM": "unhealthy", "INSUFFICIENT_DATA": "unknown", "missing": "not watched"}
DARK = "could not be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of an app; what could not be read says so, and hides nothing else."""

    app: App
    health: str
    valid: Mark | str | None
    proven: Mark | str | None
    armed: str
    next_drill: str
    readiness: dict[str, Any] | str | None
    lease: Lease | str | None


def shown(desk: Desk, visit: Visit) -> Answer:
    found, now = parameters.apps(), datetime.now(UTC)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(lambda app: row(desk, app, now), found))
    return page("apps.html.j2", visit, rows=rows, now=timestamp(now))


def row(desk: Desk, app: App, now: datetime) -> Row:
    name, catalog = desk.settings.name, Catalog(desk.settings.table)
    deployed = known(partial(triggers.triggers, name, app.name))
    return Row(
        app=app,
        health=known(lambda: HEALTH[triggers.alarm_state(name, app.name)]),
        valid=known(partial(catalog.mark, app.name, MarkName.LAST_VALID)),
        proven=known(partial(catalog.mark, app.name, MarkName.LAST_PROVEN)),
        armed=deployed if isinstance(deployed, str) else armed(deployed),
        next_drill=deployed if isinstance(deployed, str) else next_drill(app, deployed, now),
        readiness=known(lambda: latest(S3(), desk.settings.evidence_bucket, app.name)),
        lease=known(partial(desk.table.lease, app.name)),
    )


def known(read: Callable[[], T]) -> T | str:
    try:
        return read()
    except RelightError as error:
        log.warning("not read", extra={"error": str(error)})
        return DARK


def armed(found: tuple[triggers.Trigger, ...]) -> str:
    on = [one.trigger for one in found if one.armed]
    return ", ".join(on) if on else "nothing"


def next_drill(app: App, found: tuple[triggers.Trigger, ...], now: datetime) -> str:
    if not any(one.trigger == "drill" and one.armed for one in found):
        return "none: drills are off"
    from relight.cron import next_due  # slow to load

    return timestamp(next_due(app.drill.cron, app.drill.zone, now))
