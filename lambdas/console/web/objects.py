"""The object table of a run: what the plan wanted with each object, and what became of it."""

import json
from collections import Counter
from functools import lru_cache
from typing import Any

from lambdas.console import runs
from lambdas.console.answers import Answer
from lambdas.console.desk import Desk
from lambdas.console.web.plan import OBJECTS, covered
from lambdas.console.web.render import page
from lambdas.console.web.session import Visit
from relight.adapters.s3 import S3
from relight.errors import EvidenceBroken, PageNotFound
from relight.evidence.binding import digest
from relight.view import read

ROWS = 200
Rows = tuple[dict[str, Any], ...]


def shown(desk: Desk, visit: Visit) -> Answer:
    """``?page=`` from 1, ``?only=`` objects of that fate. Raises RunNotFound, PageNotFound before there is a plan."""
    view, query = read(runs.shown(desk, visit.call())), visit.request.query
    facts = view.raw.get("facts") or {}
    rows = table(facts)
    fates = Counter(row["fate"] for row in rows)
    only = query.get("only", "")
    chosen = [row for row in rows if not only or row["fate"] == only]
    number = min(max(1, int(query["page"]) if query.get("page", "").isdecimal() else 1), max(1, -(-len(chosen) // ROWS)))
    some = chosen[(number - 1) * ROWS : number * ROWS]
    pages = max(1, -(-len(chosen) // ROWS))
    said: dict[str, Any] = {"view": view, "rows": some, "fates": fates, "only": only, "number": number, "pages": pages}
    return page("objects.html.j2", visit, **said, first=(number - 1) * ROWS + 1, of=len(chosen), restored="restore" in facts)


def table(facts: dict[str, Any]) -> Rows:
    """A row an object, in the plan's order: of the ledger once there is one, of the plan until then."""
    plan, ledger = facts.get("plan"), (facts.get("restore") or {}).get("ledger")
    if not plan:
        raise PageNotFound("table of objects", "there is no plan yet", "look again when the phase Plan is over")
    return whole(ledger["uri"], ledger["sha256"]) if ledger else planned(plan["uri"], plan["hash"])


@lru_cache(maxsize=2)
def planned(uri: str, expected: str) -> Rows:
    return tuple(json.loads(line) for line in covered(uri, expected, OBJECTS).splitlines())


@lru_cache(maxsize=2)
def whole(uri: str, expected: str) -> Rows:
    """Raises EvidenceBroken when the ledger is not the one that the receipt names."""
    data = S3().get(uri)
    if digest(data) != expected:
        raise EvidenceBroken(f"{uri}: is not the ledger that the restore left; the evidence is damaged; do not approve it")
    return tuple(json.loads(line) for line in data.splitlines())
