"""``relight backup prove-key``: that the offline key still opens a backup, shown by who holds it and kept as evidence."""

from pathlib import Path
from typing import Annotated

import typer

from relight.adapters.s3 import S3
from relight.backup.metadata import BackupUri
from relight.backup.proofs import keep, prove
from relight.backup.reader import open_backup
from relight.backup.recipients import by_private_key
from relight.cli.doctor import caller
from relight.cli.output import toned
from relight.cli.session import Session


def prove_key(
    session: Session,
    uri: Annotated[str, typer.Argument(help="The backup: s3://bucket/prefix/backups/ID", show_default=False)],
    key: Annotated[Path, typer.Option(help="The offline private key (PEM). It is read here and sent nowhere.")],
) -> None:
    """Opens a backup's key and its first frame with the offline key, and records who did and when.

    Plan's receipt and the report of later runs name it. No machine of Relight ever sees the key.

    \b
    Examples:
      relight backup prove-key s3://bucket/shop/backups/20261123T030000Z --key offline.pem
    """
    unlock, by = by_private_key(key), caller(session)
    proof = prove(open_backup(S3(), BackupUri.parse(uri).uri, unlock=unlock), by)
    kept = keep(S3(), session.deployment.evidence_bucket, proof)
    said = f"{toned('done')}: {proof.recipient} opens backup {proof.backup_id}, proven by {by}"
    session.output.show({"proof": proof, "uri": kept}, lambda page: page.print(f"{said}\n  {kept}"))
