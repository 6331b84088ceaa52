"""``relight backups``: what there is, how old, what the catalog read of it, and which run proved it."""

from datetime import UTC, datetime
from textwrap import shorten
from typing import Any

from rich.console import Console
from rich.markup import escape

from relight.adapters.s3 import S3
from relight.backup.catalog import BackupSummary, list_backups
from relight.backup.unfinished import Unfinished, unfinished
from relight.cli.output import table, toned
from relight.cli.session import AppOption, Session
from relight.errors import RelightError
from relight.model import BackupState, CatalogEntry, decode, encode, moment
from relight.words import duration, size

SHORT = 60  # characters of why one is bad; relight backup verify has all of it


def backups(session: Session, app: AppOption = None) -> None:
    """Lists the app's backups: age, size, state, proof.

    \b
    Examples:
      relight backups
      relight backups --app shop -o json
    """
    chosen = session.app(app)
    session.connect()
    store = S3()
    found = list_backups(store, chosen.storage)
    known, unasked = catalogued(session, chosen.name)
    broken, unlisted = _unfinished(store, chosen.storage)
    entries = {entry.backup_id: entry for entry in known["entries"]}
    marks = {mark["backup_id"]: name for name, mark in known["marks"].items() if mark}

    def render(page: Console) -> None:
        _list(page)
        for one in broken:
            page.print(_go_on(one, chosen.name, datetime.now(UTC)), markup=False)
        if unlisted:
            page.print(f"whether one broke off cannot be said: {unlisted}", markup=False)

    def _list(page: Console) -> None:
        if not found:
            page.print(f"app {chosen.name} has no backups below {chosen.storage}; make one: relight backup")
            return
        rows = [_row(row, entries.get(row.backup_id), datetime.now(UTC)) for row in found]
        page.print(table(("backup", "age", "size", "state", "proven"), rows))
        if unasked:
            page.print(f"what is proven of them cannot be said: {escape(unasked)}")
        if any("FAILED" in row[3] for row in rows):
            page.print("what is wrong with one, and what to do: relight backup verify URI")
        for name, mark in known["marks"].items():
            page.print(f"{name}: {mark['backup_id'] if mark else 'none yet'}")

    rows = [
        {**encode(row), "catalog": encode(entries.get(row.backup_id)), "mark": marks.get(row.backup_id)} for row in found
    ]
    session.output.show({"app": chosen.name, "backups": rows, "unfinished": broken, "marks": known["marks"]}, render)


def catalogued(session: Session, app: str) -> tuple[dict[str, Any], str]:
    """What the catalog knows; nothing, and why, where it cannot be asked: the backups themselves are there all the same."""
    try:
        answer = session.console.catalog(app)
        return {**answer, "entries": decode(answer["entries"], list[CatalogEntry])}, ""
    except RelightError as error:
        return {"entries": [], "marks": {}}, str(error)


def _unfinished(store: S3, storage: str) -> tuple[list[Unfinished], str]:
    """Those that have no commit; none, and why, where uploads may not be listed, which is a right of its own."""
    try:
        return unfinished(store, storage), ""
    except RelightError as error:
        return [], str(error)


def _go_on(one: Unfinished, app: str, at: datetime) -> str:
    since = f", begun {duration((at - one.touched).total_seconds())} ago" if one.touched else ""
    again = f"relight backup --app {app} --resume --backup-id {one.backup_id}"
    return f"not finished: {one.backup_id}{since}; if it is not going on: {again}, with the same --volume options"


UNUSABLE = (BackupState.INVALID, BackupState.UNOPENED)


def _row(found: BackupSummary, entry: CatalogEntry | None, at: datetime) -> tuple[str, ...]:
    """State: what was just seen of it, or what the catalog knows of its bytes as long as no object has changed since."""
    age = duration((at - moment(found.created_at)).total_seconds()) if found.created_at else ""
    audit = entry.audit if entry and entry.audit.fingerprint == found.fingerprint else None
    said = audit.state.value if audit else "not read yet"
    bad = found.problem or (audit.reason if audit and audit.state in UNUSABLE else "")
    bad = shorten(bad.replace(f"{found.uri}/", ""), SHORT, placeholder=" …")
    proven = f"{entry.proven_at} by {entry.proven_by}" if entry and entry.proven_by else ""
    state = f"{toned('FAILED')}: {escape(bad)}" if bad else toned("ok") if said == BackupState.VALID else said
    return found.backup_id, age, size(found.bytes), state, proven
