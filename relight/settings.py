"""The only reader of os.environ. What the templates set for the functions, and what a person may set for the CLI."""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """What every function gets from its template (``infra`` sets exactly these)."""

    name: str
    table: str
    evidence_bucket: str
    signing_key: str
    topic: str
    escalation: str
    launch_template: str
    subnets: tuple[str, ...]
    instance_types: tuple[str, ...]
    disk_gib: int
    runner_role_id: str
    runner_hold: int
    state_machine: str
    keeper_role: str


@cache
def function_settings() -> FunctionSettings:
    """A variable that a function does not get is empty (or 0): its template gives it only what it uses."""
    return FunctionSettings(
        name=_text("RELIGHT_NAME", "relight"),
        table=_text("RELIGHT_TABLE"),
        evidence_bucket=_text("RELIGHT_EVIDENCE_BUCKET"),
        signing_key=_text("RELIGHT_SIGNING_KEY"),
        topic=_text("RELIGHT_TOPIC"),
        escalation=_text("RELIGHT_ESCALATION"),
        launch_template=_text("RELIGHT_LAUNCH_TEMPLATE"),
        subnets=_list("RELIGHT_SUBNETS"),
        instance_types=_list("RELIGHT_INSTANCE_TYPES"),
        disk_gib=int(_text("RELIGHT_DISK_GIB", "0")),
        runner_role_id=_text("RELIGHT_RUNNER_ROLE_ID"),
        runner_hold=int(_text("RELIGHT_RUNNER_HOLD", "0")),
        state_machine=_text("RELIGHT_STATE_MACHINE"),
        keeper_role=_text("RELIGHT_KEEPER_ROLE"),
    )


def _text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def _list(name: str) -> tuple[str, ...]:
    return tuple(part for part in _text(name).split(",") if part)


def api_endpoint() -> str | None:
    """The console API's address, where a person or the embedded engine names it (RELIGHT_API)."""
    return os.environ.get("RELIGHT_API")


def console_address() -> str | None:
    """Where a browser finds the console, when not at the API's own address: a domain of yours, or the embedded engine."""
    return os.environ.get("RELIGHT_CONSOLE")


def called_as(local: bool) -> str:
    """How this person calls the CLI: ``./run`` says so in RELIGHT_COMMAND, and ``--local`` may be said once for all."""
    here = "RELIGHT_LOCAL=1 " if local and "RELIGHT_LOCAL" not in os.environ else ""
    return here + os.environ.get("RELIGHT_COMMAND", "relight")


def set_environment(values: dict[str, str]) -> None:
    """Sets variables for the AWS SDK and for child processes (the embedded engine's address and credentials)."""
    os.environ.update(values)


def environment() -> dict[str, str]:
    """A copy of the environment, for child processes."""
    return dict(os.environ)
