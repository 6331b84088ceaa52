"""What every route works with: who calls, and what the call can reach."""

from dataclasses import dataclass, field
from typing import Any

from relight.adapters.table import Table
from relight.adapters.workflow import Workflow
from relight.errors import RequestInvalid, RunNotFound
from relight.model import Run, decode
from relight.settings import FunctionSettings, function_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """``caller``: the ARN that the authorizer vouches for, never a field of the body."""

    caller: str
    run_id: str = ""
    app: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)

    def only(self, *names: str) -> None:
        """Raises RequestInvalid for a field that the route does not know."""
        if unknown := sorted(set(self.body) - set(names)):
            raise RequestInvalid(
                "request body", f"unknown field(s) {', '.join(unknown)}", f"use only {', '.join(names) or 'none'}"
            )

    def text(self, name: str) -> str:
        """A text of the body, without the space around it; empty when it is not given."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, str):
            raise RequestInvalid(name, f"must be a text, not {type(value).__name__}", f'send it as one: {{"{name}": "..."}}')
        return (value or "").strip()


@dataclass(frozen=True, slots=True)
class Desk:
    table: Table
    workflow: Workflow
    settings: FunctionSettings

    @classmethod
    def of_settings(cls) -> "Desk":
        settings = function_settings()
        return cls(Table(settings.table), Workflow(settings.state_machine), settings)

    def run(self, run_id: str) -> tuple[Run, dict[str, Any]]:
        """The run and its record. Raises RunNotFound."""
        record = self.table.run(run_id)
        if record is None:
            raise RunNotFound(f"run {run_id!r}", "does not exist", "relight runs lists them")
        return decode(record["run"], Run), record
