"""Writes the plan of a recovery to a directory: the same bundle, byte for byte, that a run's Plan phase makes."""

import shutil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from relight.adapters.s3 import S3
from relight.backup.catalog import select
from relight.backup.reader import open_backup
from relight.cli.output import table
from relight.cli.session import Session
from relight.errors import RequestInvalid
from relight.model import encode, run_request
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.plan import PlanBundle, PlanInputs, make_plan
from relight.words import duration


def write(session: Session, run_id: str, fields: dict[str, Any], output_dir: Path) -> None:
    """Plans from S3 and the configuration alone: no cluster, no runner, no lease. Raises what reading and planning raise."""
    if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
        raise RequestInvalid(
            f"--output-dir {output_dir}", "is not an empty directory", "name one that is empty or not there"
        )
    bundle = make(session, run_id, fields)
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        for name, data in bundle.files.items():
            (output_dir / name).write_bytes(data)
    except OSError as error:
        shutil.rmtree(output_dir, ignore_errors=True)  # half a plan is none; nothing else is in there, see above
        raise RequestInvalid(
            f"--output-dir {output_dir}", f"cannot be written ({error.strerror})", "name another directory"
        ) from None
    found = {"run_id": run_id, "directory": str(output_dir), "hash": bundle.hash, "plan": bundle.document}
    session.output.show(found, lambda page: render(page, bundle, run_id, output_dir))


def make(session: Session, run_id: str, fields: dict[str, Any]) -> PlanBundle:
    request = run_request(fields)
    app = session.app(request.app)
    session.connect()
    store = S3()
    taken = select(store, app.storage, request.backup, seed=run_id)
    backup = open_backup(store, taken.uri, taken.metadata_sha256)
    facts = BackupFacts.of(backup.uri, backup.metadata_sha256, encode(backup.metadata))
    recipe = Recipe.of(app, request, facts, backup.manifests())
    return make_plan(PlanInputs(recipe=recipe, mode=request.mode, ladder=session.config.runner.instance_types))


def render(page: Console, bundle: PlanBundle, run_id: str, output_dir: Path) -> None:
    document = bundle.document
    page.print(f"plan [bold]{run_id}[/] from backup {document['backup']['backup_id']} of {document['backup']['created_at']}")
    rows = [(action, str(count)) for action, count in sorted(document["counts"].items())]
    page.print(table(("action", "objects"), rows))
    for item in bundle.refused:
        page.print(f"[red]refused[/] {escape(str(item.identity))}: {escape(item.reason)}")
    page.print(f"bundle: {output_dir} ({', '.join(sorted(bundle.files))})")
    page.print(f"an approval of a run of mode {document['mode']} by this plan covers sha256 {bundle.hash}")
    seconds, usd = document["estimate"]["seconds"], document["estimate"]["usd"]
    page.print(f"estimate: {duration(seconds)} until it is restored, {usd:.2f} USD until somebody has decided")
    lost = "correct what is refused at its source, or decide without it; then " if bundle.refused else ""
    page.print(f"next: {lost}relight apply brings a runner up and holds it, relight drill rehearses all of it")
