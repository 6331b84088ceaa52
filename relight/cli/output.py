"""What a command shows: a page for a person or, with ``-o json``, one JSON document; progress goes to stderr there."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from relight.model import encode
from relight.settings import called_as
from relight.words import mood

PIPED = 160  # columns
COMMAND = re.compile(
    r"(?<!run )\brelight (?=(?:(demo|engine)|doctor|backups?|plan|apply|restore|validate|destroy|drill|recover"
    r"|runs|status|approve|reject|request|failback|evidence|check|arm|disarm|triggers|console)\b)"
)
TONES = {"good": "green", "bad": "red", "care": "yellow"}


def toned(word: str) -> str:
    """A word of the domain in its colour; markup in it is shown, not obeyed."""
    tone = TONES.get(mood(word))
    return f"[{tone}]{escape(word)}[/]" if tone else escape(word)


def spelled(text: str, local: bool) -> str:
    """``text`` with every command in it as this person must type it: messages, the API's too, only say ``relight runs``."""
    return COMMAND.sub(lambda found: called_as(local and not found[1]) + " ", text)


class Page(Console):
    """A page as wide as the terminal; where there is none, wide enough that no table wraps."""

    def __init__(self, stderr: bool, local: bool) -> None:
        super().__init__(highlight=False, soft_wrap=True, stderr=stderr)
        self._local = local
        if not self.is_terminal:
            self.width = PIPED

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with 1, which says that something ended badly

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(spelled(text, self._local), **options)


class Output:
    """One command's output. ``says`` is for what happens on the way, ``show`` for the answer."""

    def __init__(self, as_json: bool, local: bool = False) -> None:
        self.as_json = as_json
        self.page = Page(stderr=False, local=local)
        self.progress = Page(stderr=True, local=local) if as_json else self.page

    def says(self, text: str) -> None:
        self.progress.print(text)

    def remarks(self, texts: Iterable[str]) -> None:
        """What a person should know, on stderr: the answer on stdout is for another program."""
        for text in texts:
            print(spelled(text, False), file=sys.stderr)

    def show(self, document: Any, render: Callable[[Console], None]) -> None:
        if self.as_json:
            self.page.out(json.dumps(encode(document), indent=2, sort_keys=True), highlight=False)
        else:
            render(self.page)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """A table that is folded where the terminal is narrow, never cut: an id must stay whole."""
    made = Table(box=None, pad_edge=False, title=title, title_justify="left", header_style="dim")
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
