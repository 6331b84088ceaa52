"""The approval prompt of the demo."""

from rich.prompt import Prompt

from relight.cli.output import Output
from relight.view import View

QUESTION = "Make the recovered application production? [bold]approve[/] or [bold]reject[/]"


def ask(output: Output, view: View) -> str:
    """``approve`` or ``reject``, as the person at the terminal says."""
    output.says(f"          the same from another terminal: relight approve {view.run_id}")
    return Prompt.ask(QUESTION, choices=["approve", "reject"], show_choices=False, console=output.progress)
