"""``relight demo``: what it asks, what it refuses before it starts."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from relight.cli.output import Output
from relight.cli.session import Session
from relight.errors import RequestInvalid

CONFIG = Path(__file__).parents[3] / "examples/sample/relight.toml"


def demo(
    session: Session,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the promotion without asking.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Reject it without asking.")] = False,
    port: Annotated[int, typer.Option(help="The engine's loopback port.", min=1024, max=65535)] = 4666,
) -> int:
    """A broken application comes back to life, right here.

    It needs no AWS account, no Docker and no cluster, and leaves nothing running. It starts the embedded engine, deploys
    the templates that AWS would get, backs up the sample application, kills its cluster, and lets the alarm do the rest.
    At the prompt you decide whether the recovered application becomes production.

    \b
    Examples:
      relight demo
      relight demo --approve
      relight demo --reject -o json
    """
    if session.config_given:
        raise RequestInvalid(
            f"--config {session.config_given}",
            "is not what the demo runs: it has its own",
            "leave it out (or unset RELIGHT_CONFIG)",
        )
    decision = decided(approve, reject)
    from relight.cli.demo.story import Story  # the engine's packages are not needed elsewhere

    return Story(Output(session.output.as_json, local=True), port, decision, CONFIG).tell()


def decided(approve: bool, reject: bool) -> str | None:
    """``approve``, ``reject``, or None where a person will be asked. Raises RequestInvalid before anything has started."""
    if approve and reject:
        raise RequestInvalid("--approve --reject", "contradict each other", "give one of them")
    if approve or reject:
        return "approve" if approve else "reject"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise RequestInvalid("relight demo", "has no terminal to ask for the decision on", "give --approve or --reject")
    return None
