"""Recover step by step, as the seed's operators know it: ``plan``, ``apply``, ``restore``, ``validate``, ``destroy``."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from relight.adapters.s3 import S3
from relight.backup.catalog import select
from relight.backup.metadata import BackupUri
from relight.cli import planning, runs
from relight.cli.session import AppOption, Session
from relight.config import App
from relight.errors import BackupError, ConfirmationMissing, ImageNotPinned, RelightError, RequestInvalid
from relight.formats import SELECTORS, is_name, is_selector
from relight.model import Mode, Phase
from relight.recovery.standing import Existing

BackupOption = Annotated[
    str,
    typer.Option("--backup-uri", envvar="BACKUP_URI", help=f"A backup's S3 URI, or {SELECTORS}."),
]
ImageOption = Annotated[str | None, typer.Option("--image-ref", envvar="IMAGE_REF", help="Run this image, by digest.")]
NamespaceOption = Annotated[str | None, typer.Option("--namespace", envvar="NAMESPACE", help="Restore into this namespace.")]
JobOption = Annotated[bool, typer.Option("--run-job/--no-run-job", envvar="RUN_JOB", help="Run the job validators.")]
PlanModeOption = Annotated[
    Mode, typer.Option("--mode", help="Whose plan: the hash covers the mode, so an incident's is had only with incident.")
]
ExistingOption = Annotated[
    Existing | None,
    typer.Option("--existing", help="Others' objects in the way of the restore; as the app says when left out."),
]
YesOption = Annotated[bool, typer.Option("--yes", envvar="CONFIRM_DESTROY", help="Yes, destroy it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the golden path's commands have in common."""

    app: str | None
    backup: str = "latest_valid"
    image_ref: str | None = None
    namespace: str | None = None
    run_job: bool = True
    existing: Existing | None = None


def request(session: Session, choice: Choice, reason: str, **more: Any) -> dict[str, Any]:
    """A drill's RunRequest, checked here so that a wrong input is told before anything starts."""
    app = session.app(choice.app)
    if not is_selector(choice.backup):
        BackupUri.parse(choice.backup)
        require_backup(session, choice.backup)
    require_digest(app, choice.image_ref)
    if choice.namespace and not is_name(choice.namespace):
        raise RequestInvalid(
            f"--namespace {choice.namespace}",
            "is no name of a namespace",
            "use lower-case letters, digits and dashes, a letter first",
        )
    return {
        "app": app.name,
        "mode": Mode.DRILL,
        "reason": reason,
        "backup": choice.backup,
        "image_ref": choice.image_ref,
        "namespace": choice.namespace,
        "run_job": choice.run_job,
        "existing": choice.existing,
        **more,
    }


def require_backup(session: Session, uri: str) -> None:
    """Raises what is wrong with the backup. Whoever may not read it is not stopped: Plan looks again."""
    session.connect()
    try:
        select(S3(), "", uri)
    except BackupError:
        raise
    except RelightError:
        return


def require_digest(app: App, ref: str | None) -> None:
    """Raises ImageNotPinned for a tag, unless the app is marked development."""
    if ref is None or app.development or re.search(r"@sha256:[0-9a-f]{64}$", ref):
        return
    raise ImageNotPinned(
        f"image {ref}", "has no digest, so what runs could differ from what was approved", "give repo@sha256:<64 hex digits>"
    )


def started(session: Session, fields: dict[str, Any], wait: bool, timeout: int) -> int:
    run_id = session.console.start(fields)
    session.output.says(f"run [bold]{run_id}[/] started for app {fields['app']}")
    if wait:
        return runs.show_to_the_end(session, run_id, timeout)
    session.output.show({"run_id": run_id}, lambda page: page.print(f"watch it: relight status {run_id} --wait"))
    return 0


def plan(
    session: Session,
    run_id: Annotated[str, typer.Option(help="The run the plan is for; it names the bundle.", callback=runs.run_id_of)],
    output_dir: Annotated[Path, typer.Option(help="Where the bundle is written; must be empty or not exist.")],
    app: AppOption = None,
    backup_uri: BackupOption = "latest_valid",
    image_ref: ImageOption = None,
    namespace: NamespaceOption = None,
    run_job: JobOption = True,
    mode: PlanModeOption = Mode.DRILL,
    existing: ExistingOption = None,
    against: planning.AgainstOption = "empty",
    server_dry_run: planning.DryRunOption = False,
) -> None:
    """Writes the plan of a recovery; changes nothing.

    It tells what will become of each object, on an empty runner or on the cluster of --against. The bundle has a manifest of
    hashes and is the same, byte for byte, for the same inputs; the mode is one of them.

    \b
    Examples:
      relight plan --run-id try-1 --output-dir plan/
      relight plan --run-id r --output-dir p --mode incident
      relight plan --run-id r --output-dir p --backup-uri s3://…
      relight plan --run-id r --output-dir p --against ~/.kube/config --server-dry-run
    """
    chosen = Choice(app=app, backup=backup_uri, image_ref=image_ref, namespace=namespace, run_job=run_job, existing=existing)
    fields = request(session, chosen, "relight plan", mode=mode)
    planning.write(session, run_id, fields, output_dir, planning.Against(against, server_dry_run))


def apply(
    session: Session,
    app: AppOption = None,
    backup_uri: BackupOption = "latest_valid",
    image_ref: ImageOption = None,
    namespace: NamespaceOption = None,
    wait: runs.WaitOption = True,
    timeout: runs.TimeoutOption = 1800,
) -> int:
    """Brings a runner up and holds it.

    \b
    Examples:
      relight apply
      BACKUP_URI=s3://… relight apply
    """
    choice = Choice(app=app, backup=backup_uri, image_ref=image_ref, namespace=namespace)
    return started(session, request(session, choice, "relight apply", stop_after=Phase.LAUNCH), wait, timeout)


def restore(
    session: Session,
    app: AppOption = None,
    backup_uri: BackupOption = "latest_valid",
    image_ref: ImageOption = None,
    namespace: NamespaceOption = None,
    existing: ExistingOption = None,
    wait: runs.WaitOption = True,
    timeout: runs.TimeoutOption = 3600,
) -> int:
    """Restores a backup onto the held runner.

    \b
    Examples:
      relight restore
      relight restore --backup-uri s3://bucket/shop/backups/2026-11-23
      relight restore --existing keep
    """
    choice = Choice(app=app, backup=backup_uri, image_ref=image_ref, namespace=namespace, existing=existing)
    steps = {"start_at": Phase.RESTORE, "stop_after": Phase.RESTORE}
    return started(session, request(session, choice, "relight restore", **steps), wait, timeout)


def validate(
    session: Session,
    app: AppOption = None,
    backup_uri: BackupOption = "latest_valid",
    image_ref: ImageOption = None,
    namespace: NamespaceOption = None,
    run_job: JobOption = True,
    wait: runs.WaitOption = True,
    timeout: runs.TimeoutOption = 3600,
) -> int:
    """Validates what the held runner has restored.

    May be repeated, each time with its own receipts. Backup, image and namespace are those of the restore; another one
    is refused.

    \b
    Examples:
      relight validate
      RUN_JOB=1 relight validate
    """
    choice = Choice(app=app, backup=backup_uri, image_ref=image_ref, namespace=namespace, run_job=run_job)
    steps = {"start_at": Phase.VALIDATE, "stop_after": Phase.VALIDATE}
    return started(session, request(session, choice, "relight validate", **steps), wait, timeout)


def destroy(
    session: Session,
    app: AppOption = None,
    yes: YesOption = False,
    wait: runs.WaitOption = True,
    timeout: runs.TimeoutOption = 1800,
) -> int:
    """Tears the held runner down.

    Refused without CONFIRM_DESTROY=1 or --yes.

    \b
    Examples:
      CONFIRM_DESTROY=1 relight destroy
      relight destroy --yes
    """
    if not yes:
        name = session.app(app).name
        raise ConfirmationMissing(
            f"destroy {name}",
            "terminates the app's held runner and was not confirmed",
            "set CONFIRM_DESTROY=1 or give --yes",
        )
    fields = request(session, Choice(app=app), "relight destroy", start_at=Phase.TEARDOWN)
    return started(session, fields, wait, timeout)
