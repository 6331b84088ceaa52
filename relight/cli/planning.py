"""Writes the plan of a recovery to a directory: the same bundle, byte for byte, that a run's Plan phase makes."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.backup.catalog import select
from relight.cli.listing import catalogued
from relight.cli.output import table
from relight.cli.session import Session
from relight.errors import RelightError, RequestInvalid
from relight.model import encode, run_request
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.dryrun import dry_run
from relight.recovery.forecast import Forecast, forecast
from relight.recovery.plan import PlanBundle, PlanInputs, make_plan
from relight.recovery.references import REFERRED
from relight.recovery.standing import Existing
from relight.recovery.target import EMPTY, inspect
from relight.words import duration

SHOWN = 20
AgainstOption = Annotated[
    str,
    typer.Option("--against", help="Tell each object's fate on an empty runner (empty), or on the cluster of a KUBECONFIG."),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--server-dry-run", help="With --against KUBECONFIG: ask its API server too; nothing is stored."),
]


@dataclass(frozen=True, slots=True)
class Against:
    """``target``: ``empty``, or a kubeconfig's path."""

    target: str = EMPTY.name
    server_dry_run: bool = False


def write(session: Session, run_id: str, fields: dict[str, Any], output_dir: Path, against: Against) -> None:
    """Plans from S3 and the configuration; no runner, no lease. A cluster is asked only where ``against`` names one.

    Raises what reading and planning raise, and RequestInvalid.
    """
    check(output_dir, against)
    bundle = make(session, run_id, fields)
    asked = None if against.target == EMPTY.name else ask(bundle, against)
    keep(bundle, output_dir)
    foreseen = asked or bundle.forecast
    found = {"run_id": run_id, "directory": str(output_dir), "hash": bundle.hash, "plan": bundle.document}
    told = [encode(one) | {"object": str(item.identity)} for item, one in zip(bundle.objects, foreseen.told, strict=True)]
    found["forecast"] = foreseen.summary() | {"objects": told}
    session.output.show(found, lambda page: render(page, bundle, foreseen, run_id, output_dir))


def check(output_dir: Path, against: Against) -> None:
    if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
        raise RequestInvalid(
            f"--output-dir {output_dir}", "is not an empty directory", "name one that is empty or not there"
        )
    if against.target != EMPTY.name and not Path(against.target).expanduser().is_file():
        raise RequestInvalid(f"--against {against.target}", "is no file", "say empty, or name a kubeconfig")
    if against.server_dry_run and against.target == EMPTY.name:
        raise RequestInvalid("--server-dry-run", "has no server to ask", "name a cluster: --against KUBECONFIG")


def keep(bundle: PlanBundle, output_dir: Path) -> None:
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        for name, data in bundle.files.items():
            (output_dir / name).write_bytes(data)
    except OSError as error:
        shutil.rmtree(output_dir, ignore_errors=True)  # half a plan is none; nothing else is in there, see above
        raise RequestInvalid(
            f"--output-dir {output_dir}", f"cannot be written ({error.strerror})", "name another directory"
        ) from None


def make(session: Session, run_id: str, fields: dict[str, Any]) -> PlanBundle:
    request = run_request(fields)
    app = session.app(request.app)
    session.connect()
    store = S3()
    known = () if request.backup.startswith("s3://") else catalogued(session, app.name)[0]["entries"]  # as Plan will
    backup = select(store, app.storage, request.backup, seed=run_id, known=known).backup
    facts = BackupFacts.of(backup.uri, backup.metadata_sha256, encode(backup.metadata))
    recipe = Recipe.of(app, request, facts, backup.manifests())
    runner = session.config.runner
    return make_plan(PlanInputs(recipe=recipe, mode=request.mode, ladder=runner.instance_types, disk_gib=runner.disk_gib))


def ask(bundle: PlanBundle, against: Against) -> Forecast:
    """What would become of the plan on a cluster that stands. Reads it, and changes nothing."""
    cluster = Cluster(Path(against.target).expanduser())
    try:
        named = {(one.who.group, one.who.kind) for one in bundle.backup.unresolved}
        target = inspect(cluster, against.target, bundle.objects, named | REFERRED)
        foreseen = forecast(bundle.objects, target, Existing(bundle.document["existing"]), backup=bundle.backup)
        return dry_run(cluster, bundle.objects, target, foreseen) if against.server_dry_run else foreseen
    except RelightError as error:
        raise RequestInvalid(
            f"--against {against.target}", f"its cluster cannot be asked ({error})", "correct it, or say empty"
        ) from None


def render(page: Console, bundle: PlanBundle, foreseen: Forecast, run_id: str, output_dir: Path) -> None:
    document = bundle.document
    page.print(f"plan [bold]{run_id}[/] from backup {document['backup']['backup_id']} of {document['backup']['created_at']}")
    fates = Counter(one.fate.value for one in foreseen.told)
    page.print(table((f"will be, on {foreseen.target}", "objects"), [(fate, str(n)) for fate, n in sorted(fates.items())]))
    for item in bundle.refused:
        page.print(f"[red]refused[/] {escape(str(item.identity))}: {escape(item.reason)}")
    unlike = [
        f"{i.identity} will be {one.fate}: {one.because}"
        for i, one in zip(bundle.objects, foreseen.told, strict=True)
        if one.because
    ]
    for line in [*unlike, *map(str, foreseen.findings)][:SHOWN]:
        page.print(line, markup=False)
    if (more := len(unlike) + len(foreseen.findings) - SHOWN) > 0:
        page.print(f"and {more} more: -o json shows all")
    page.print(f"bundle: {output_dir} ({', '.join(sorted(bundle.files))})")
    page.print(f"an approval of a run of mode {document['mode']} by this plan covers sha256 {bundle.hash}")
    seconds, usd = document["estimate"]["seconds"], document["estimate"]["usd"]
    page.print(f"estimate: {duration(seconds)} until it is restored, {usd:.2f} USD until somebody has decided")
    page.print(f"  {document['estimate']['pace']}")
    lost = "correct what is refused at its source, or decide without it; then " if bundle.refused else ""
    page.print(f"next: {lost}relight apply brings a runner up and holds it, relight drill rehearses all of it")
