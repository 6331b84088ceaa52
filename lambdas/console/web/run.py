"""A run's page: what happened, what was checked, what would be lost, what it costs, and the decision."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambdas.console import again, decisions, failback, runs, unfreeze
from lambdas.console.answers import Answer, see
from lambdas.console.desk import Call, Desk
from lambdas.console.refusals import status
from lambdas.console.web.evidence import listed
from lambdas.console.web.plan import plan_of
from lambdas.console.web.render import page
from lambdas.console.web.session import HOME, Visit
from relight.adapters import parameters
from relight.approving import people_of
from relight.errors import RelightError, UnknownApp
from relight.measures import measures
from relight.model import Phase, timestamp
from relight.roles import PAGES, Role
from relight.view import HINTS, View, outcome_of, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a person can do to a run from its page. ``fields``: of the form, that the API's own function is given.

    ``when``: whether there is anything to do it to. ``section``: the template's block that holds its form.
    """

    does: Callable[[Desk, Call], dict[str, Any]]
    fields: tuple[str, ...]
    when: Callable[[View], bool]

    def body(self, form: dict[str, str]) -> dict[str, str]:
        return {name: form[name] for name in self.fields if form.get(name)}


ACTIONS: dict[str, Action] = {
    "approve": Action(
        does=decisions.approve, fields=("evidence_hash", "break_glass"), when=lambda view: view.waits_for == "decision"
    ),
    "reject": Action(
        does=decisions.reject, fields=("evidence_hash", "reason"), when=lambda view: view.waits_for == "decision"
    ),
    "request": Action(does=again.request, fields=("reason",), when=lambda view: bool(view.ask_until)),
    "failback": Action(does=failback.hand_back, fields=("primary",), when=lambda view: view.serving),
    "unfreeze": Action(does=unfreeze.ask, fields=(), when=lambda view: view.serving and view.frozen),
}


def shown(desk: Desk, visit: Visit, error: RelightError | None = None) -> Answer:
    """Raises RunNotFound."""
    raw = runs.shown(desk, visit.call())
    view, now = read(raw), datetime.now(UTC)
    return page(
        "run.html.j2",
        visit,
        code=status(error) if error else 200,
        view=view,
        timeline=timeline(view),
        measures=measures(view, now),
        plan=plan_of(view),
        evidence=listed((raw.get("evidence") or {}).get("prefix")),
        possible={name: may(visit, name) for name, action in ACTIONS.items() if action.when(view)},
        way_back=way_back(desk, visit) if view.serving else None,
        initiator=asked_for(visit, view),
        error=error,
        now=timestamp(now),
    )


def may(visit: Visit, action: str) -> Role | None:
    """None where the visitor may do it, else the role that it takes."""
    needed = PAGES[f"POST /console/runs/{{run_id}}/{action}"]
    return None if needed is None or visit.may(needed) else needed


def way_back(desk: Desk, visit: Visit) -> dict[str, Any] | None:
    """What a failback would do, and where one stands; None where the run is just leaving Serve."""
    with suppress(RelightError):
        return failback.ask(desk, visit.call())
    return None


def asked_for(visit: Visit, view: View) -> bool:
    """Whether the visitor is who asked for the run, as the rules of decisions go by."""
    with suppress(UnknownApp):
        return people_of(parameters.app(view.app)).same(visit.caller, view.initiator)
    return False


def act(desk: Desk, visit: Visit, action: str) -> Answer:
    """Does what the form asks, as the API would; then shows the run, with what was refused at its top."""
    chosen = ACTIONS[action]
    try:
        done = chosen.does(desk, visit.call(**chosen.body(visit.request.form)))
    except RelightError as error:
        return shown(desk, visit, error)
    return see(f"{HOME}/runs/{done['run_id']}")  # asked again, it is another run


def timeline(view: View) -> list[dict[str, Any]]:
    """A row for each phase that began, and for a run under way those that may still come."""
    begun = {row.phase for row in view.phases}
    rows = [
        {"row": row, "said": outcome_of(view, row) or (HINTS.get(row.phase, "") if row.running else "")}
        for row in view.phases
    ]
    ahead = [phase for phase in Phase if phase.value not in begun and not view.outcome]
    last = max((list(Phase).index(Phase(row.phase)) for row in view.phases), default=-1)
    return [*rows, *({"phase": phase.value, "said": HINTS[phase]} for phase in ahead if list(Phase).index(phase) > last)]
