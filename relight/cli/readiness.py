"""``relight check``: would a recovery work now? Nothing is launched, nothing but the answer is written."""

from collections.abc import Iterator
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from relight.adapters.functions import ask
from relight.cli import exits
from relight.cli.output import table, toned
from relight.cli.session import AppOption, Session
from relight.model import decode
from relight.readiness.records import EVERY, WORST, Finding, Readiness, State

STATUS: Final = {State.FAILED: exits.ENDED_BADLY, State.COULD_NOT_VERIFY: exits.UNDECIDED}
SAID: Final = {
    State.PASSED: "a recovery would work now, as far as can be told without one",
    State.WARNING: "a recovery would work now; what is listed above would make it harder",
    State.COULD_NOT_VERIFY: "nothing failed, but not everything could be read: a drill proves the rest",
    State.FAILED: "do not count on a recovery now: fix what failed, and check again",
}
LastOption = Annotated[bool, typer.Option("--last", help="Show what the last check found, and check nothing.")]


def check(session: Session, app: AppOption = None, last: LastOption = False) -> int:
    """Tells whether a recovery would work now, without one.

    \b
    Exit status: 0 nothing failed, 1 something would fail, 3 something could not be verified.
    \b
    Examples:
      relight check
      relight check --app shop -o json
      relight check --last
    """
    chosen = session.app(app).name
    session.connect()
    name = session.config.name
    if not last:
        session.output.says(
            f"checking what a recovery of {escape(chosen)} would need now: seconds mostly, three minutes at most"
        )
    found = decode(session.console.readiness(chosen) if last else ask(name, "check", {"app": chosen}), Readiness)
    session.output.show(found, lambda page: render(page, found))
    return STATUS.get(found.state, exits.DONE)


def render(page: Console, found: Readiness) -> None:
    """The worst stands last, where a terminal's eye is."""
    page.print(f"app [bold]{escape(found.app)}[/], checked at {found.checked_at}")
    page.print(table(("check", "state", ""), map(row, sorted(found.findings, key=lambda one: WORST.index(one.state)))))
    page.print()
    page.print(f"{word(found.state)}, score {found.score} of 100: {SAID[found.state]}")


def word(state: State) -> str:
    """In its colour, and without the underscore that scripts see."""
    return toned(state).replace("_", " ")


def row(one: Finding) -> tuple[str, str, str]:
    return one.check, word(one.state), "\n".join(lines(one))


def lines(one: Finding) -> Iterator[str]:
    yield escape(one.seen)
    if one.fails:
        yield f"then, in {escape(one.phase)}: {escape(one.fails)}" if one.phase != EVERY else f"then {escape(one.fails)}"
    if one.fix:
        yield f"[bold]fix:[/] {escape(one.fix)}"
