"""The demo's own lines: acts with their durations, and what each means."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.markup import escape

from relight.cli.output import Output, toned
from relight.words import duration


class Screen:
    def __init__(self, output: Output) -> None:
        self._output = output
        self._began = time.monotonic()

    def title(self, text: str) -> None:
        self._output.says(f"\n[bold]{text}[/]")

    def note(self, text: str) -> None:
        self._output.says(f"          {text}")

    @contextmanager
    def act(self, doing: str) -> Iterator[list[str]]:
        """Shows ``doing`` while it goes on, then one line with its duration and what the block put into the list."""
        began, found, outcome = time.monotonic(), list[str](), "failed"
        console = self._output.progress
        if not console.is_terminal:
            self._output.says(f"{self._clock()}  {doing} ...")
        try:
            with console.status(doing) if console.is_terminal else nullcontext():
                yield found
            outcome = "done"
        finally:
            more = f": {escape('; '.join(found))}" if found else ""
            took = duration(time.monotonic() - began)
            self._output.says(f"{self._clock()}  {toned(outcome)} {doing}{more}  [dim]{took}[/]")

    def _clock(self) -> str:
        return f"[dim]{time.strftime('%H:%M:%S', time.gmtime())}[/]"

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began
