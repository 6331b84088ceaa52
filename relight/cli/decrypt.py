"""``relight backup decrypt``: the plain archives of a sealed backup, for tools that know nothing of Relight."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from relight.adapters.s3 import S3
from relight.backup import metadata
from relight.backup.metadata import BackupUri
from relight.backup.reader import Backup, open_backup
from relight.backup.recipients import by_kms, by_private_key
from relight.cli.output import toned
from relight.cli.session import Session
from relight.errors import RequestInvalid


def decrypt(
    session: Session,
    uri: Annotated[str, typer.Argument(help="The backup: s3://bucket/prefix/backups/ID", show_default=False)],
    to: Annotated[Path, typer.Option("--to", help="A directory for its archives; must not be there yet.")],
    key: Annotated[Path | None, typer.Option(help="The offline private key (PEM); without, KMS is asked.")] = None,
) -> None:
    """Opens a sealed backup into state.tar.zst and manifests.tar.zst, which `zstd -d | tar x` reads.

    With --key nothing is asked of KMS.

    \b
    Examples:
      relight backup decrypt s3://bucket/shop/backups/20261123T030000Z --to plain
      relight backup decrypt s3://bucket/shop/backups/20261123T030000Z --to plain --key offline.pem
    """
    unlock = by_private_key(key) if key else by_kms
    session.connect()
    place = BackupUri.parse(uri)
    backup = open_backup(S3(), place.uri, unlock=unlock)
    if not backup.metadata.sealed:
        raise RequestInvalid(place.uri, "is not sealed", "read its objects as they are")
    write_plain(backup, to)
    opened_by = backup.seal.opened_by if backup.seal else ""
    found = {"uri": place.uri, "directory": str(to), "opened_by": opened_by}
    session.output.show(found, lambda page: page.print(f"{toned('done')}: {to}, opened by {opened_by}"))


def write_plain(backup: Backup, to: Path) -> None:
    """The archives as they were before they were sealed; no part of them stays when one does not open."""
    unfinished = to.with_name(f".{to.name}.opening")
    try:
        unfinished.mkdir(mode=0o700)
        if to.exists():
            raise FileExistsError(17, "it is there already")
        _fill(backup, unfinished)
        unfinished.rename(to)
    except OSError as error:
        raise RequestInvalid(f"--to {to}", f"cannot be made: {error.strerror}", "name a new directory") from None
    finally:
        for path in unfinished.glob("*") if unfinished.is_dir() else ():
            path.unlink()
        if unfinished.is_dir():
            unfinished.rmdir()


def _fill(backup: Backup, directory: Path) -> None:
    (directory / metadata.MANIFESTS).write_bytes(backup.read_manifests())
    with closing(backup.plain_state()) as state, (directory / metadata.STATE).open("wb") as out:
        out.writelines(state)
