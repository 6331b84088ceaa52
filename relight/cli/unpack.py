"""``relight backup unpack``: one claim of a backup into its volume. A restore onto the primary runs it beside the volume."""

from pathlib import Path
from typing import Annotated

import typer

from relight.adapters.s3 import S3
from relight.backup.claim import restore_claim
from relight.backup.metadata import BackupUri
from relight.backup.reader import open_backup
from relight.cli.output import toned
from relight.cli.session import Session
from relight.words import size


def unpack(
    session: Session,
    uri: Annotated[str, typer.Argument(help="The backup: s3://bucket/prefix/backups/ID", show_default=False)],
    claim: Annotated[str, typer.Argument(help="The claim, as the backup names it.", show_default=False)],
    into: Annotated[Path, typer.Option("--into", help="Where its volume is mounted; all that is there is replaced.")],
    metadata_sha256: Annotated[str | None, typer.Option(help="The digest of the backup's metadata.json.")] = None,
) -> None:
    """Replaces what a volume holds by a claim's files of a backup.

    Stop what uses the volume first. The files are staged on it and proven before anything of it is touched, so it needs
    room for both. Interrupted, it goes on when it is asked again.

    \b
    Examples:
      relight backup unpack s3://bucket/shop/backups/20261123T030000Z data --into /mnt/shop-data
    """
    session.connect()
    backup = open_backup(S3(), BackupUri.parse(uri).uri, metadata_sha256)
    found = restore_claim(backup, backup.metadata.namespace, claim, into)
    answer = {"uri": backup.uri, "claim": claim, "into": str(into), "bytes": found.bytes, "files": found.files}
    session.output.show(
        answer,
        lambda page: page.print(f"{toned('done')}: {found.files} files, {size(found.bytes)} of claim {claim} in {into}"),
    )
