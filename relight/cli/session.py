"""What every command shares: the configuration, where Relight runs, how to show the answer."""

import functools
import inspect
import shutil
from collections.abc import Callable
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from relight.adapters.console import Console, Deployment, find_deployment
from relight.cli.output import Output
from relight.config import App, Config
from relight.configfile import load
from relight.errors import RequestInvalid, UnknownApp
from relight.settings import set_environment
from relight.words import size

STATE = Path(".relight")
ENGINE = STATE / "engine"
ROOM = 300_000_000  # bytes that an engine with Relight in it and a run or two may take


def require_room() -> None:
    """Raises RequestInvalid where the embedded engine would end half way for want of disk."""
    free = shutil.disk_usage(Path()).free
    if free < ROOM:
        raise RequestInvalid(
            str(STATE.resolve()),
            f"this disk has {size(free)} left, and the embedded engine needs {size(ROOM)}",
            "make room, or run it from a directory on another disk",
        )


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"


class Session:
    """One invocation of the CLI. What it needs is read when it is first asked for, so that help costs nothing."""

    def __init__(self, config: Path | None, local: bool, form: Form) -> None:
        self.config_given = config
        self.config_path = config or (ENGINE / "relight.toml" if local else Path("relight.toml"))
        self.local = local
        self.output = Output(form is Form.JSON, local)

    @cached_property
    def config(self) -> Config:
        """The person's file, in whose region AWS is asked; with ``--local`` the engine's own, unless one was named."""
        self.connect()
        found = load(self.config_path)
        if not self.local:
            set_environment({"AWS_REGION": found.region, "AWS_DEFAULT_REGION": found.region})
        return found

    def app(self, name: str | None) -> App:
        """The app called ``name``, or the only one there is. Raises UnknownApp."""
        if name is None and len(self.config.apps) > 1:
            known = ", ".join(app.name for app in self.config.apps)
            raise UnknownApp("--app", f"{self.config_path} has several apps", f"name one of {known}")
        return self.config.app(name or self.config.apps[0].name)

    def connect(self) -> None:
        """Points the AWS SDK at the embedded engine when ``--local`` was given. Raises EngineNotRunning."""
        if self.local:
            from relight.local.engine import attach  # the engine's packages are not needed against AWS

            attach(ENGINE)

    @cached_property
    def deployment(self) -> Deployment:
        self.connect()
        return find_deployment(self.config.name)

    @cached_property
    def console(self) -> Console:
        return Console(self.deployment.api, self.deployment.region)


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", envvar="RELIGHT_CONFIG", help="The configuration file; relight.toml by default."),
]
LocalOption = Annotated[
    bool, typer.Option("--local", envvar="RELIGHT_LOCAL", help="Use the embedded engine instead of AWS.")
]
FormOption = Annotated[Form, typer.Option("--output", "-o", help="How to answer: text or json.")]
AppOption = Annotated[str | None, typer.Option("--app", help="The app; may be left out when there is only one.")]

COMMON = (
    inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=ConfigOption),
    inspect.Parameter("local", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=LocalOption),
    inspect.Parameter("output", inspect.Parameter.KEYWORD_ONLY, default=Form.TEXT, annotation=FormOption),
)


def refuse_empty(options: dict[str, Any]) -> None:
    """An unset variable of a script must not become a default: ``--app "$APP"`` with nothing in it is no app."""
    for name, given in options.items():
        if given == "":
            raise RequestInvalid(name.replace("_", "-"), "is empty", "give it a value, or leave it out")


def with_session(command: Callable[..., int | None]) -> Callable[..., None]:
    """Gives a command ``--config``, ``--local`` and ``-o``, and a Session as its first argument.

    The command's answer is the exit status; None means 0.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "session"]
    by_keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]

    @functools.wraps(command)
    def run(*, config: Path | None, local: bool, output: Form, **options: Any) -> None:
        refuse_empty(options)
        if status := command(Session(config, local, output), **options):
            raise typer.Exit(status)

    del run.__wrapped__  # typer must see the signature below, not the command's own
    run.__signature__ = signature.replace(parameters=[*by_keyword, *COMMON])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*by_keyword, *COMMON)}
    return run
