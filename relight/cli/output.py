"""What a command shows: a page for a person or, with ``-o json``, one JSON document; progress goes to stderr there."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from relight.model import encode

PIPED = 160  # columns
TONES = {
    "Succeeded": "green",
    "Healthy": "green",
    "Held": "cyan",
    "PASSED": "green",
    "ok": "green",
    "done": "green",
    "approved": "green",
    "Failed": "red",
    "FAILED": "red",
    "failed": "red",
    "TIMED_OUT": "red",
    "COULD_NOT_VERIFY": "yellow",
    "missing": "yellow",
    "Rejected": "yellow",
    "rejected": "yellow",
    "Expired": "yellow",
    "Preempted": "yellow",
}


def toned(word: str) -> str:
    """A word of the domain in its colour; markup in it is shown, not obeyed."""
    tone = TONES.get(word)
    return f"[{tone}]{escape(word)}[/]" if tone else escape(word)


def made(stderr: bool) -> Console:
    """A page as wide as the terminal; where there is none, wide enough that no table wraps."""
    page = Console(highlight=False, soft_wrap=True, stderr=stderr)
    return page if page.is_terminal else Console(highlight=False, soft_wrap=True, stderr=stderr, width=PIPED)


class Output:
    """One command's output. ``says`` is for what happens on the way, ``show`` for the answer."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.page = made(stderr=False)
        self.progress = made(stderr=True) if as_json else self.page

    def says(self, text: str) -> None:
        self.progress.print(text)

    def show(self, document: Any, render: Callable[[Console], None]) -> None:
        if self.as_json:
            self.page.out(json.dumps(encode(document), indent=2, sort_keys=True), highlight=False)
        else:
            render(self.page)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    made = Table(*heads, box=None, pad_edge=False, title=title, title_justify="left", header_style="dim")
    for row in rows:
        made.add_row(*row)
    return made
