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


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def size(count: int) -> str:
    """Bytes for a person: ``0 B``, ``412 B``, ``1.9 MB``."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count} B"
