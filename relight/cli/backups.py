"""``relight backup``, ``backup verify`` and ``backups``."""

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3, join
from relight.backup.catalog import list_backups
from relight.backup.metadata import BackupUri, Metadata
from relight.backup.verify import verify
from relight.backup.writer import BackupSource, write_backup
from relight.cli import exits
from relight.cli.decrypt import decrypt
from relight.cli.onefile import get
from relight.cli.output import table, toned
from relight.cli.prune import prune
from relight.cli.session import AppOption, Session, with_session
from relight.config import App
from relight.errors import RequestInvalid
from relight.model import encode, now
from relight.recovery.collect import Collected, collect
from relight.recovery.hooks import HookPlace, around_backup
from relight.recovery.quiesce import quiet, wake
from relight.words import duration, size

group = typer.Typer(name="backup", invoke_without_command=True)
VolumeOption = Annotated[
    list[str] | None, typer.Option("--volume", help="claim=DIRECTORY: where a claim's files are mounted; may be repeated.")
]


def backup(
    session: Session,
    context: typer.Context,
    app: AppOption = None,
    kubeconfig: Annotated[Path, typer.Option(envvar="KUBECONFIG", help="The cluster to back up.")] = Path("~/.kube/config"),
    volume: VolumeOption = None,
    backup_id: Annotated[str | None, typer.Option(help="The backup's name; the time by default.")] = None,
) -> None:
    """Writes a backup of an app, or verifies one.

    Run it where the claims' files are: on the node, or with --volume. Its metadata.json is written last: an
    interrupted backup is none.

    \b
    Examples:
      relight backup --kubeconfig ~/.kube/config
      relight backup --app shop --volume data=/mnt/shop-data
      relight backup verify s3://bucket/shop/backups/20261123T030000Z
    """
    if context.invoked_subcommand:
        return
    chosen = session.app(app)
    path = kubeconfig.expanduser()
    if not path.is_file():
        raise RequestInvalid(
            f"--kubeconfig {kubeconfig}", "is not a file", "name the cluster's kubeconfig, or set KUBECONFIG"
        )
    session.connect()
    began = time.monotonic()
    uri, written = write(chosen, Cluster(path), directories(volume or []), backup_id)
    seconds = time.monotonic() - began
    session.output.show(
        {"uri": uri, "metadata": written, "seconds": round(seconds, 3)}, lambda page: page_of(page, uri, written, seconds)
    )


def directories(given: list[str]) -> dict[str, Path]:
    pairs = [text.partition("=") for text in given]
    for claim, equals, path in pairs:
        if not (claim and equals and Path(path).is_dir()):
            raise RequestInvalid(f"--volume {claim}{equals}{path}", "names no directory", "give claim=DIRECTORY")
    return {claim: Path(path) for claim, _, path in pairs}


def write(app: App, cluster: Cluster, given: dict[str, Path], backup_id: str | None = None) -> tuple[str, Metadata]:
    """Backs the app up from its cluster; the backup's URI and metadata. Raises what hooks, collecting and writing raise."""
    chosen = backup_id or now().replace("-", "").replace(":", "")
    uri = BackupUri.parse(join(app.storage, "backups", chosen)).uri
    at = HookPlace(cluster=cluster, namespace=app.namespace, seed=(chosen,), development=app.development)
    with around_backup(app.hooks, at):
        wake(cluster, app.namespace)
        found = collect(cluster, app.namespace, directories=given)  # before anything is stopped: as it is to be restored
        with quiet(cluster, app.namespace) if app.quiesce else nullcontext():
            return uri, write_backup(S3(), uri, source_of(app, chosen, found), app.encryption)


def source_of(app: App, backup_id: str, found: Collected) -> BackupSource:
    """What is backed up, as of now."""
    return BackupSource(
        backup_id=backup_id,
        app=app.name,
        namespace=app.namespace,
        created_at=now(),
        manifests=found.objects,
        volumes={(data.namespace, data.claim): data.directory for data in found.volumes},
        source=found.source,
        images=[encode(image) for image in found.images],
    )


def page_of(page: Console, uri: str, written: Metadata, seconds: float) -> None:
    page.print(f"{toned('done')}: backup [bold]{written.backup_id}[/] in {duration(seconds)}: {contents(written)}")
    page.print(f"  {uri}")
    page.print(f"next: relight backup verify {uri}")


def contents(written: Metadata) -> str:
    stored = sum(artifact.bytes for artifact in written.artifacts.values())
    files, raw = written.declared_files or 0, written.declared_bytes or 0
    return f"{files} files, {size(raw)} of state in {len(written.volumes)} volume(s), {size(stored)} stored"


def check(
    session: Session,
    uri: Annotated[str, typer.Argument(help="The backup: s3://bucket/prefix/backups/ID", show_default=False)],
    shallow: Annotated[bool, typer.Option("--shallow", help="Only sizes and presence; read no archive.")] = False,
) -> int:
    """Verifies one backup and says what is wrong with it.

    \b
    Examples:
      relight backup verify s3://bucket/shop/backups/20261123T030000Z
      relight backup verify s3://bucket/shop/backups/20261123T030000Z --shallow
    """
    session.connect()
    place = BackupUri.parse(uri)
    found = verify(S3(), place.uri, deep=not shallow)

    def render(page: Console) -> None:
        if found:
            rows = [(finding.code, escape(finding.object), escape(f"{finding.problem}; {finding.fix}")) for finding in found]
            page.print(table(("code", "object", "what is wrong; what to do"), rows))
        depth = "sizes and presence" if shallow else "every byte and its digest"
        page.print(
            f"{toned('FAILED')}: {len(found)} problem(s): do not trust it" if found else f"{toned('PASSED')}: {depth}"
        )

    session.output.show({"uri": place.uri, "ok": not found, "deep": not shallow, "findings": found}, render)
    return exits.ENDED_BADLY if found else exits.DONE


def backups(session: Session, app: AppOption = None) -> None:
    """Lists the app's backups, latest first.

    \b
    Examples:
      relight backups
      relight backups --app shop -o json
    """
    chosen = session.app(app)
    session.connect()
    found = list_backups(S3(), chosen.storage)

    def render(page: Console) -> None:
        if not found:
            page.print(f"app {chosen.name} has no backups below {chosen.storage}; make one: relight backup")
            return
        rows = [(row.backup_id, row.created_at or "", size(row.bytes), escape(row.problem) or toned("ok")) for row in found]
        page.print(table(("backup", "made", "size", "state"), rows))

    session.output.show({"app": chosen.name, "backups": found}, render)


group.callback()(with_session(backup))
group.command("verify")(with_session(check))
group.command("get")(with_session(get))
group.command("decrypt")(with_session(decrypt))
group.command("prune")(with_session(prune))
group.command("list")(with_session(backups))  # under the other name that people try
