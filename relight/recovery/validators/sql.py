"""``sql``: a query of the restored database gives what is expected.

With ``claim`` and ``path`` it is a SQLite file on the runner's own disk, read without ever writing to it. With ``image``
and ``secret`` it is PostgreSQL: ``psql`` runs as a Job whose connection comes from the Secret (PGHOST, PGUSER, ...).
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from relight.config import Validator
from relight.model import Verdict
from relight.recovery.patience import Deadline
from relight.recovery.validators import jobs
from relight.recovery.validators.claims import NotReadable, file_in
from relight.recovery.validators.context import Finding, ValidationContext
from relight.words import many

PSQL = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command")
SIDECARS = ("-wal", "-journal")  # what a process that died left undone: SQLite must write to make it good
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
STEPS = 10_000  # of SQLite's machine between two looks at the clock
SHOWN = 200


def check(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    return _postgres(validator, context, deadline) if validator.image else _sqlite(validator, context, deadline)


def judge(rows: list[tuple[Any, ...]], validator: Validator) -> Finding:
    """One row of one value is expected, equal to ``expect`` where given, from ``least`` to ``most`` where given."""
    if len(rows) != 1 or len(rows[0]) != 1:
        shape = many(len(rows), "row") if len(rows) != 1 else f"{len(rows[0])} columns"
        return Finding(Verdict.FAILED, f"the query gives {shape} instead of one value")
    value = rows[0][0]
    shown, evidence = str(value)[:SHOWN], {"value": str(value)[:SHOWN], "query": validator.query}
    if validator.expect is not None and str(value) != validator.expect:
        return Finding(Verdict.FAILED, f"the query gives {shown!r} instead of {validator.expect!r}", evidence)
    if wrong := outside(value, validator):
        return Finding(Verdict.FAILED, f"the query gives {shown}: {wrong}", evidence)
    return Finding(Verdict.PASSED, f"the query gives {shown}, as expected", evidence)


def outside(value: Any, validator: Validator) -> str | None:
    """Why a number is not within the bounds; None where it is, or there are none."""
    if validator.least is None and validator.most is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "not a number"
    if validator.least is not None and number < validator.least:
        return f"less than {validator.least:g}"
    return f"more than {validator.most:g}" if validator.most is not None and number > validator.most else None


# ---------------------------------------------------------------- SQLite
def _sqlite(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    try:
        file = file_in(context, validator.claim or "", validator.path or "")
    except NotReadable as error:
        return Finding(Verdict.COULD_NOT_VERIFY, str(error))
    if not file.is_file():
        return Finding(Verdict.FAILED, f"{validator.path} of claim {validator.claim} is not there")
    try:
        with _opened(file, deadline) as database:
            if (damage := database.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
                return Finding(Verdict.FAILED, f"{validator.path} is damaged: {damage}")
            database.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY)
            return judge(database.execute(validator.query or "").fetchmany(2), validator)
    except sqlite3.Error as error:
        if deadline.passed:
            return Finding(Verdict.TIMED_OUT, f"the query gave no answer within {validator.deadline} s")
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return Finding(Verdict.COULD_NOT_VERIFY, f"{validator.path} is locked by the app: {error}")
        return Finding(Verdict.FAILED, f"{validator.path}: {error}")


@contextmanager
def _opened(file: Path, deadline: Deadline) -> Iterator[sqlite3.Connection]:
    """Read-only; where a transaction is to be made good first, a copy of it."""
    with tempfile.TemporaryDirectory(prefix="relight-sql-") as scratch:
        undone = [side for end in SIDECARS if (side := Path(f"{file}{end}")).is_file() and side.stat().st_size]
        source = Path(scratch, file.name) if undone else file
        for one in (file, *undone) if undone else ():
            shutil.copyfile(one, Path(scratch, one.name))
        mode = "rw" if undone else "ro"
        address = f"file:{quote(str(source))}?mode={mode}"
        with closing(sqlite3.connect(address, uri=True, timeout=min(5.0, deadline.left))) as database:
            database.set_progress_handler(lambda: int(deadline.passed), STEPS)
            database.execute("PRAGMA trusted_schema=OFF")  # the schema came with the backup: its functions are not ours
            yield database


# ---------------------------------------------------------------- PostgreSQL
def _postgres(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    place = jobs.place(validator, context)
    job = jobs.job_of(place, validator.image or "", (*PSQL, validator.query or ""), (), validator.secret)
    found = jobs.run("the query", job, place, deadline)
    if found.verdict != Verdict.PASSED:
        return found
    rows = [(line,) for line in str(found.evidence.get("log", "")).splitlines() if line.strip()]
    judged = judge(rows, validator)
    return Finding(judged.verdict, judged.detail, found.evidence | judged.evidence)
