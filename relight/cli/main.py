"""`relight ...`: the commands, and the one place where an error becomes a line on stderr and an exit status."""

import sys
from collections.abc import Callable, Sequence

import typer
from typer.exceptions import Abort, Exit, TyperException

from relight.cli import backups, doctor, drill, engine, evidence, exits, golden, runs, triggers
from relight.cli.demo import command as demo
from relight.cli.session import STATE, with_session
from relight.errors import RelightError

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
    backups.backups,
    golden.plan,
    golden.apply,
    golden.restore,
    golden.validate,
    golden.destroy,
    drill.drill,
    runs.runs,
    runs.status,
    runs.approve,
    runs.reject,
    runs.failback,
    evidence.group,
    triggers.arm,
    triggers.disarm,
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
        answer = app(arguments, standalone_mode=False, prog_name="relight")
        if answer == exits.INTERRUPTED:  # Typer's own answer to Ctrl-C
            raise KeyboardInterrupt
        return answer if isinstance(answer, int) else exits.DONE
    except Exit as left:
        return left.exit_code
    except (KeyboardInterrupt, Abort):
        return say(INTERRUPTED, exits.INTERRUPTED)
    except TyperException as error:
        return say(f"relight: R200: {usage(error)}", exits.USER_ERROR)
    except RelightError as error:
        return say("\n".join(exits.lines(error)), exits.USER_ERROR)
    except Exception as error:
        return say(exits.internal(error, STATE / "last-error.txt"), exits.ENDED_BADLY)


def usage(error: TyperException) -> str:
    """Click's complaint as our one line: input, what is wrong, how to fix it."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "relight"
    return f"{path}: {' '.join(error.format_message().split()).rstrip('.')}; see {path} --help"


def say(text: str, status: int) -> int:
    print(text, file=sys.stderr)
    return status
