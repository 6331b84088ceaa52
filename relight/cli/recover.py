"""``relight recover``: an incident, because an operator says so and no alarm has to."""

from typing import Annotated

import typer

from relight.cli import runs
from relight.cli.golden import BackupOption, Choice, ExistingOption, ImageOption, NamespaceOption, request, started
from relight.cli.session import AppOption, Session
from relight.model import Mode


def recover(
    session: Session,
    app: AppOption = None,
    backup_uri: BackupOption = "latest_valid",
    image_ref: ImageOption = None,
    namespace: NamespaceOption = None,
    existing: ExistingOption = None,
    reason: Annotated[str, typer.Option(help="Why; it stands in the report.")] = "relight recover",
    wait: runs.WaitOption = True,
    timeout: runs.TimeoutOption = 7200,
) -> int:
    """Starts a recovery, as an alarm would.

    Somebody else approves it before anything becomes production. Detect still looks at the app's signals: a healthy app
    ends the run, and nothing is launched. A promoted runner that has died is no obstacle: its run ends, and this one takes
    its place.

    \b
    Examples:
      relight recover --reason "the primary's rack is on fire"
      relight recover --app shop --backup-uri s3://bucket/shop/backups/20261123T030000Z
    """
    choice = Choice(app=app, backup=backup_uri, image_ref=image_ref, namespace=namespace, existing=existing)
    return started(session, request(session, choice, reason, mode=Mode.INCIDENT), wait, timeout)
