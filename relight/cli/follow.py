"""Follows a run: a line for each phase that begins or ends and each verdict, and on a terminal a live line for now."""

import time
from collections.abc import Callable, Iterator

from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from relight.adapters.console import Console
from relight.cli import pages
from relight.cli.output import Output
from relight.errors import ServiceUnavailable
from relight.view import View, read
from relight.words import duration

EVERY = 0.5
PATIENCE = 60  # seconds without an answer of the API before following gives up; the run itself goes on


class Follower:
    """Tells the story of one run, each line once, over as many ``follow`` calls as it takes."""

    def __init__(self, console: Console, run_id: str, output: Output) -> None:
        self._console, self._run_id, self._output = console, run_id, output
        self._told: set[str] = set()

    def follow(self, timeout: float, until: Callable[[View], bool] = lambda view: False) -> View:
        """Shows the run until it ends, ``until`` holds, or ``timeout`` seconds are over; the last view of it."""
        with Live(console=self._output.progress, refresh_per_second=8, transient=True) as live:
            for view in self._views(timeout):
                self._tell(view, live.console.print)
                if view.outcome or until(view):
                    break
                live.update(now(view) if self._output.progress.is_terminal else Text(""))
        return view

    def _tell(self, view: View, says: Callable[[str], None]) -> None:
        for key, line in pages.story(view):
            if key not in self._told:
                self._told.add(key)
                says(line)

    def _views(self, timeout: float) -> Iterator[View]:
        """The run as it changes: at least one view, the last one no later than ``timeout`` seconds from now."""
        deadline, heard = time.monotonic() + timeout, time.monotonic()
        while True:
            try:
                view = read(self._console.run(self._run_id))
                heard = time.monotonic()
                yield view
            except ServiceUnavailable:
                if time.monotonic() - heard > PATIENCE:
                    raise
            if time.monotonic() >= deadline:
                return
            time.sleep(min(EVERY, max(0.0, deadline - time.monotonic())))


def now(view: View) -> Spinner:
    """The live line: what goes on and for how long."""
    running = next((row for row in reversed(view.phases) if row.running), None)
    name = running.phase if running else view.phase or "starting"
    since = f" {duration(running.seconds)}" if running else ""
    return Spinner("dots", Text.from_markup(f"[bold]{name}[/]{since}  [dim]{pages.hint(name)}[/]"))
