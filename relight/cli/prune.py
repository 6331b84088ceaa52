"""``relight backup prune``: which backups may go, and their going."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from relight.adapters.s3 import S3
from relight.backup.catalog import list_backups
from relight.backup.retention import Fate, delete, judge
from relight.cli.output import table
from relight.cli.session import AppOption, Session
from relight.model import Verdict
from relight.words import size


def prune(
    session: Session,
    app: AppOption = None,
    sure: Annotated[bool, typer.Option("--delete", help="Delete what may go; without it nothing is changed.")] = False,
) -> None:
    """Shows which backups no retention rule keeps, and deletes them when told to.

    The rules are the app's [apps.retention]. The last backup that a run validated as PASSED always stays.

    \b
    Examples:
      relight backup prune
      relight backup prune --app shop --delete
    """
    chosen = session.app(app)
    session.connect()
    runs = session.console.runs(chosen.name)  # where this cannot be asked nothing is judged: a proven backup might go
    proven = {str(run.get("backup_id")) for run in runs if run.get("verdict") == Verdict.PASSED}
    store = S3()
    fates = judge(list_backups(store, chosen.storage), chosen.retention, proven, datetime.now(UTC))
    going = [fate.backup for fate in fates if not fate.kept]
    for backup in going if sure else ():
        delete(store, backup)
        session.output.says(f"deleted {backup.uri}")
    session.output.show(
        {"app": chosen.name, "deleted": sure, "fates": fates}, lambda page: _page(page, chosen.name, fates, sure)
    )


def _page(page: Console, app: str, fates: list[Fate], sure: bool) -> None:
    verb = "deleted" if sure else "may go"
    rows = [_row(fate, verb) for fate in fates]
    page.print(table(("backup", "made", "size", "fate", "why"), rows))
    going = [fate for fate in fates if not fate.kept]
    freed = size(sum(fate.backup.bytes for fate in going))
    if not going:
        page.print(f"nothing may go: every backup of {app} is kept by a rule")
    else:
        done = "deleted" if sure else "delete them: relight backup prune --delete"
        page.print(f"{len(going)} backup(s), {freed}: {done}")


def _row(fate: Fate, verb: str) -> tuple[str, ...]:
    one = fate.backup
    shown = (one.backup_id, one.created_at or "", size(one.bytes), "kept" if fate.kept else verb, fate.why)
    return tuple(map(escape, shown))
