"""`relight ...`: the commands, and the one place where an error becomes a line on stderr and an exit status."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise

import typer
from typer.exceptions import Abort, Exit

from relight.cli import (
    backups,
    console,
    doctor,
    drill,
    engine,
    evidence,
    exits,
    failback,
    golden,
    listing,
    readiness,
    recover,
    runs,
    triggers,
)
from relight.cli.demo import command as demo
from relight.cli.output import spelled
from relight.cli.session import STATE, with_session

INTERRUPTED = "relight: interrupted"

app = typer.Typer(
    name="relight",
    help="Cold-standby disaster recovery for Kubernetes that proves itself.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog="Exit status: 0 done, 1 ended badly, 2 wrong input, 3 undecided or timed out, 130 interrupted. "
    "Start with: relight demo",
)

COMMANDS: tuple[Callable[..., int | None] | typer.Typer, ...] = (
    demo.demo,
    doctor.doctor,
    engine.group,
    backups.group,
    listing.backups,
    golden.plan,
    golden.apply,
    golden.restore,
    golden.validate,
    golden.destroy,
    drill.drill,
    recover.recover,
    runs.runs,
    runs.status,
    runs.approve,
    runs.reject,
    runs.request,
    failback.failback,
    console.console,
    evidence.group,
    readiness.check,
    triggers.arm,
    triggers.disarm,
    triggers.triggers,
)

for command in COMMANDS:
    if isinstance(command, typer.Typer):
        app.add_typer(command)
    else:
        app.command()(with_session(command))


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the CLI and exits. Every error is one line on stderr; no traceback, ever."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    try:
        status = invoke(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output has left, as with | head
        forget_output()
        return exits.INTERRUPTED
    except (KeyboardInterrupt, Abort):
        print(INTERRUPTED, file=sys.stderr)
        return exits.INTERRUPTED
    except Exception as error:
        return refuse(arguments, exits.refusal(error, STATE / "last-error.txt"))


def invoke(arguments: list[str]) -> int:
    try:
        answer = app(arguments, standalone_mode=False, prog_name="relight")
    except Exit as left:
        return left.exit_code
    if answer == exits.INTERRUPTED:  # Typer's own answer to Ctrl-C
        raise KeyboardInterrupt
    return answer if isinstance(answer, int) else exits.DONE


def refuse(arguments: list[str], refusal: exits.Refusal) -> int:
    """Tells the error: to a person on stderr and, where a script reads stdout, there too."""
    print(spelled(refusal.lines(), "--local" in arguments), file=sys.stderr)
    try:
        if wants_json(arguments):
            print(json.dumps(refusal.document(), indent=2, sort_keys=True))
        sys.stdout.flush()
    except OSError:  # stdout itself may be what is full
        forget_output()
    return refusal.status


def forget_output() -> None:
    """What could not be written would be tried again as Python ends, and spoil the exit status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def wants_json(arguments: list[str]) -> bool:
    """As far as it can be seen where the arguments themselves may be wrong."""
    pairs = {("-o", "json"), ("--output", "json")}
    return not {"-ojson", "--output=json"}.isdisjoint(arguments) or not pairs.isdisjoint(pairwise(arguments))
