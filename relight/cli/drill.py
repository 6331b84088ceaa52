"""``relight drill``: the whole recovery rehearsed at once, or any part of it on a held runner."""

from enum import StrEnum
from typing import Annotated

import typer

from relight.cli import runs
from relight.cli.golden import (
    BackupOption,
    Choice,
    ExistingOption,
    ImageOption,
    JobOption,
    NamespaceOption,
    request,
    started,
)
from relight.cli.session import AppOption, Session
from relight.errors import RequestInvalid


class StartAt(StrEnum):
    LAUNCH = "launch"
    RESTORE = "restore"
    VALIDATE = "validate"
    TEARDOWN = "teardown"


class StopAfter(StrEnum):
    LAUNCH = "launch"
    RESTORE = "restore"
    VALIDATE = "validate"


def drill(
    session: Session,
    app: AppOption = None,
    backup_uri: BackupOption = "latest_valid",
    image_ref: ImageOption = None,
    namespace: NamespaceOption = None,
    run_job: JobOption = True,
    existing: ExistingOption = None,
    auto_promote: Annotated[
        str, typer.Option(help="Only false is accepted: nothing is promoted without approval.")
    ] = "false",
    teardown: Annotated[str, typer.Option(help="true: tear down at the end; false: hold the runner.")] = "true",
    start_at: Annotated[StartAt, typer.Option(help="Begin here, on the held runner.")] = StartAt.LAUNCH,
    stop_after: Annotated[StopAfter | None, typer.Option(help="Hold the runner after this phase.")] = None,
    rehearse_approval: Annotated[bool, typer.Option(help="Ask for an approval, promote nothing.")] = False,
    negative_control: Annotated[bool, typer.Option(help="Validate a damaged copy too; the checks must fail on it.")] = False,
    wait: runs.WaitOption = True,
    timeout: runs.TimeoutOption = 7200,
) -> int:
    """Rehearses the whole recovery, production untouched.

    \b
    Examples:
      relight drill
      relight drill --backup-uri s3://… --image-ref repo@sha256:… --teardown true
    """
    if truth("--auto-promote", auto_promote):
        raise RequestInvalid(
            "--auto-promote true", "nothing is promoted without a person's approval", "leave it out or give false"
        )
    choice = Choice(app=app, backup=backup_uri, image_ref=image_ref, namespace=namespace, run_job=run_job, existing=existing)
    fields = request(
        session,
        choice,
        "relight drill",
        teardown=truth("--teardown", teardown),
        start_at=start_at.value,
        stop_after=stop_after.value if stop_after else None,
        rehearse_approval=rehearse_approval,
        negative_control=negative_control,
    )
    return started(session, fields, wait, timeout)


def truth(option: str, given: str) -> bool:
    """``true`` or ``false`` as a word, because the seed's operators type it so."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if given.lower() not in words:
        raise RequestInvalid(f"{option} {given}", "is neither true nor false", f"give {option} true or {option} false")
    return words[given.lower()]
