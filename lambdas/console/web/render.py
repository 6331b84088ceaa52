"""Templates to HTML: every value escaped, none fetched, no script or style in the page itself."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lambdas.console.answers import Answer, answer
from lambdas.console.web.session import Visit
from relight.model import moment
from relight.view import standing
from relight.words import attempt, counts, duration, mood, size, when, whole

HTML = "text/html; charset=utf-8"


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {one.__name__: one for one in (age, attempt, counts, duration, mood, size, standing, when, whole)}
    return made


def age(stamp: str, now: str) -> str:
    """How long before ``now`` it was."""
    return duration((moment(now) - moment(stamp)).total_seconds())


def page(template: str, visit: Visit | None, code: int = 200, **values: Any) -> Answer:
    """``visit``: None where not even the request could be read."""
    return answer(code, environment().get_template(template).render(visit=visit, **values), HTML)
