"""``relight backup prune``: which backups may go, and their going."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from relight.adapters.buckets import bucket_facts
from relight.adapters.parts import OpenUpload, Uploads
from relight.adapters.s3 import S3
from relight.backup.catalog import BackupSummary, list_backups
from relight.backup.retention import Fate, abandoned, delete, judge, spare_locked
from relight.cli import exits
from relight.cli.output import Output, table
from relight.cli.session import AppOption, Session
from relight.errors import AccessDenied
from relight.words import many, size

HIDES = (
    "bucket {name} keeps versions: a deleted backup is hidden behind delete markers, and can be had back; its bytes go, and "
    "cost nothing more, when a lifecycle rule expires noncurrent versions (docs/backup.md)"
)


def prune(
    session: Session,
    app: AppOption = None,
    sure: Annotated[bool, typer.Option("--delete", help="Delete what may go; without it nothing is changed.")] = False,
) -> int:
    """Shows which backups no retention rule keeps, and deletes them when told to.

    The rules are the app's [apps.retention]. The last backup that a run validated as PASSED always stays, and so does
    what S3 Object Lock holds. Uploads that broke off two days ago or more are swept.

    \b
    Examples:
      relight backup prune
      relight backup prune --app shop --delete
    """
    chosen = session.app(app)
    session.connect()
    entries = session.console.catalog(chosen.name)["entries"]  # where it cannot be asked, nothing goes: a proven one might
    proven = {str(entry["backup_id"]) for entry in entries if entry["proven_by"]}
    store, at = S3(), datetime.now(UTC)
    bucket = bucket_facts(store, chosen.storage)
    fates = judge(list_backups(store, chosen.storage), chosen.retention, proven, at)
    fates = spare_locked(store, fates) if bucket.lockable else fates
    going = [fate.backup for fate in fates if not fate.kept]
    refused = [backup.uri for backup in going if not _deleted(store, backup, session.output)] if sure else []
    uploads = abandoned(store, chosen.storage, at)
    stayed = _swept(store, uploads) if sure else 0
    about = {"deleted": sure, "refused": refused, "uploads": len(uploads), "stayed": stayed, "versioned": bucket.versioned}

    def render(page: Console) -> None:
        _page(page, chosen.name, [(fate, _fate_of(fate, sure, refused)) for fate in fates], sure)
        if uploads:
            begun = f"{many(len(uploads), 'upload')} begun two days ago or more and never finished"
            page.print(f"{begun}: {_sweep_of(sure, stayed)}")
        if bucket.versioned and going:
            page.print(HIDES.format(name=bucket.name))

    session.output.show({"app": chosen.name, "fates": fates, **about}, render)
    return exits.ENDED_BADLY if refused or stayed else exits.DONE


def _deleted(store: S3, backup: BackupSummary, output: Output) -> bool:
    """One that may not be deleted holds up no other."""
    try:
        delete(store, backup)
    except AccessDenied as error:
        output.says(escape(f"not deleted: {error}"))
        return False
    output.says(f"deleted {backup.uri}")
    return True


def _swept(store: S3, uploads: list[OpenUpload]) -> int:
    """Gives them up; how many are there all the same."""
    held = Uploads(store)
    for upload in uploads:
        held.abort(upload)
    return sum(upload.upload_id in {left.upload_id for left in held.below(upload.uri)} for upload in uploads)


def _sweep_of(sure: bool, stayed: int) -> str:
    if not sure:
        return "sweep them: relight backup prune --delete"
    return f"{stayed} could not be swept: that needs s3:AbortMultipartUpload" if stayed else "swept"


def _fate_of(fate: Fate, sure: bool, refused: list[str]) -> str:
    if fate.kept:
        return "kept"
    if fate.backup.uri in refused:
        return "refused"
    return "deleted" if sure else "may go"


def _page(page: Console, app: str, fates: list[tuple[Fate, str]], sure: bool) -> None:
    page.print(table(("backup", "made", "size", "fate", "why"), [_row(fate, verb) for fate, verb in fates]))
    going = [fate for fate, verb in fates if verb in ("may go", "deleted")]
    freed = size(sum(fate.backup.bytes for fate in going))
    if all(fate.kept for fate, _ in fates):
        page.print(f"nothing may go: every backup of {app} is kept")
    elif going:
        done = "deleted" if sure else "delete them: relight backup prune --delete"
        page.print(f"{many(len(going), 'backup')}, {freed}: {done}")


def _row(fate: Fate, verb: str) -> tuple[str, ...]:
    one = fate.backup
    shown = (one.backup_id, one.created_at or "", size(one.bytes), verb, fate.why)
    return tuple(map(escape, shown))
