"""``relight backup get``: one file out of a backup, without reading the rest."""

from pathlib import Path
from typing import Annotated

import typer

from relight.adapters.s3 import S3
from relight.backup.metadata import BackupUri
from relight.backup.onefile import restore_file
from relight.backup.reader import open_backup
from relight.cli.output import toned
from relight.cli.session import Session
from relight.words import size


def get(
    session: Session,
    uri: Annotated[str, typer.Argument(help="The backup: s3://bucket/prefix/backups/ID", show_default=False)],
    path: Annotated[str, typer.Argument(help="The file: volumes/NAMESPACE/CLAIM/...", show_default=False)],
    to: Annotated[Path, typer.Option("--to", help="Where to put it; must not be there yet.")],
) -> None:
    """Restores one file of a backup, proven by its digest, and reads little more than that file.

    \b
    Examples:
      relight backup get s3://bucket/shop/backups/20261123T030000Z volumes/shop/data/shop.db --to shop.db
    """
    session.connect()
    place = BackupUri.parse(uri)
    made = restore_file(open_backup(S3(), place.uri), path.strip("/"), to)
    found = {"uri": place.uri, "path": path, "file": str(made), "bytes": made.stat().st_size}
    session.output.show(found, lambda page: page.print(f"{toned('done')}: {made}, {size(made.stat().st_size)}"))
