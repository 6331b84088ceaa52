"""``relight backup``, ``backup verify`` and ``backups``."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from relight.adapters.s3 import S3
from relight.backup.keeping import keeping_of
from relight.backup.metadata import BackupUri, Metadata
from relight.backup.unfinished import to_resume
from relight.backup.upload import Sender, Tally
from relight.backup.verify import verify
from relight.backups import named_now, write
from relight.cli import exits, interrupts
from relight.cli.cronjob import cronjob
from relight.cli.decrypt import decrypt
from relight.cli.listing import backups
from relight.cli.onefile import get
from relight.cli.output import table, toned
from relight.cli.place import cluster_of
from relight.cli.provekey import prove_key
from relight.cli.prune import prune
from relight.cli.session import AppOption, Session, with_session
from relight.cli.unpack import unpack
from relight.errors import BackupExists, RequestInvalid
from relight.recovery.unresolved import unresolved, unsure
from relight.words import duration, many, size

group = typer.Typer(name="backup", invoke_without_command=True)
VolumeOption = Annotated[
    list[str] | None, typer.Option("--volume", help="claim=DIRECTORY: where a claim's files are mounted; may be repeated.")
]


def backup(
    session: Session,
    context: typer.Context,
    app: AppOption = None,
    kubeconfig: Annotated[Path, typer.Option(envvar="KUBECONFIG", help="The cluster to back up.")] = Path("~/.kube/config"),
    in_cluster: Annotated[
        bool, typer.Option("--in-cluster", help="The cluster that this pod runs in, as its service account.")
    ] = False,
    volume: VolumeOption = None,
    backup_id: Annotated[str | None, typer.Option(help="The backup's name; the time by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with one that broke off; the newest by default.")] = False,
) -> int:
    """Writes a backup of an app, or verifies one.

    Run it where the claims' files are: on the node, or with --volume. Its metadata.json is written last: an
    interrupted backup is none. Exits with 1 where an API did not answer that may hold objects of the app: the
    backup stands, without them.

    \b
    Examples:
      relight backup --kubeconfig ~/.kube/config
      relight backup --app shop --volume data=/mnt/shop-data
      relight backup --resume --backup-id 20261123T030000Z
      relight backup verify s3://bucket/shop/backups/20261123T030000Z
    """
    if context.invoked_subcommand:
        return exits.DONE
    chosen = session.app(app)
    cluster = cluster_of(kubeconfig, in_cluster)
    session.connect()
    interrupts.heed_once()
    began = time.monotonic()
    found = directories(volume or [])
    sender = Sender(S3(), keeping_of(S3(), chosen), resume)
    named = to_resume(sender.store, chosen.storage, backup_id) if resume else backup_id or named_now()
    try:
        uri, written = write(chosen, cluster, found, named, sender)
    except BaseException as error:
        if sender.tally.parts and not isinstance(error, BackupExists):
            session.output.says(broken_off(chosen.name, named, sender.tally, volume or []))
        raise
    seconds, kept = time.monotonic() - began, sum(sender.tally.kept)
    session.output.show(
        {"uri": uri, "metadata": written, "seconds": round(seconds, 3), "taken_over_bytes": kept},
        lambda page: page_of(page, uri, written, seconds, kept if resume else None),
    )
    return exits.ENDED_BADLY if incomplete(written) else exits.DONE


def broken_off(app: str, backup_id: str, tally: Tally, volumes: Sequence[str] = ()) -> str:
    """The line about what is there of a backup that did not come to its end. Other directories would be another backup."""
    again = shlex.join(word for given in volumes for word in ("--volume", given))
    there = f"{many(tally.parts, 'part')}, {size(tally.bytes)}, there"
    return f"broke off: {there}; go on with: relight backup --app {app} --resume --backup-id {backup_id} {again}".rstrip()


def directories(given: list[str]) -> dict[str, Path]:
    pairs = [text.partition("=") for text in given]
    for claim, equals, path in pairs:
        if not (claim and equals and Path(path).is_dir()):
            raise RequestInvalid(f"--volume {claim}{equals}{path}", "names no directory", "give claim=DIRECTORY")
    return {claim: Path(path) for claim, _, path in pairs}


def page_of(page: Console, uri: str, written: Metadata, seconds: float, kept: int | None = None) -> None:
    how = toned("PARTIAL" if incomplete(written) else "done")
    page.print(f"{how}: backup [bold]{written.backup_id}[/] in {duration(seconds)}: {contents(written)}")
    if kept is not None:
        page.print(f"  resumed: {size(kept)} of it was there and was not sent again; the state is of {written.created_at}")
    page.print(f"  {uri}")
    for row in unresolved(written.extra.get("unresolved")):
        page.print(f"not in it: {row.object} {row.said}", markup=False)
    page.print(f"next: relight backup verify {uri}")


def incomplete(written: Metadata) -> bool:
    """Whether there may be more of the app than the backup has: an API did not answer."""
    return bool(unsure(written.extra.get("unresolved")))


def contents(written: Metadata) -> str:
    stored = sum(artifact.bytes for artifact in written.artifacts.values())
    files, raw = written.declared_files or 0, written.declared_bytes or 0
    return f"{many(files, 'file')}, {size(raw)} of state in {many(len(written.volumes), 'volume')}, {size(stored)} stored"


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
            f"{toned('FAILED')}: {many(len(found), 'problem')}: do not trust it" if found else f"{toned('PASSED')}: {depth}"
        )

    session.output.show({"uri": place.uri, "ok": not found, "deep": not shallow, "findings": found}, render)
    return exits.ENDED_BADLY if found else exits.DONE


group.callback()(with_session(backup))
group.command("cronjob")(with_session(cronjob))
group.command("verify")(with_session(check))
group.command("get")(with_session(get))
group.command("unpack")(with_session(unpack))
group.command("decrypt")(with_session(decrypt))
group.command("prove-key")(with_session(prove_key))
group.command("prune")(with_session(prune))
group.command("list")(with_session(backups))  # under the other name that people try
