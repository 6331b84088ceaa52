"""The configuration in SSM parameters, as deployed: the apps', and the console's."""

import json
import time
from functools import lru_cache
from typing import TypeVar

import msgspec

from relight import config, settings
from relight.adapters.calls import Refused, call
from relight.consoleconfig import ConsoleConfig
from relight.errors import ConfigInvalid, UnknownApp
from relight.model import decode

T = TypeVar("T")


def app(name: str) -> config.App:
    """The app as it was deployed. Raises UnknownApp, ConfigInvalid."""
    path = f"/{settings.function_settings().name}/apps/{name}"
    try:
        answer = call("ssm", "get_parameter", {"ParameterNotFound", "ValidationException"}, Name=path)
    except Refused:
        raise UnknownApp(f"app {name!r}", "is not deployed", "deploy it with relight.toml, or correct the name") from None
    return _parse(path, answer["Parameter"]["Value"], config.App)


def apps() -> list[config.App]:
    """All deployed apps, by name."""
    path = f"/{settings.function_settings().name}/apps/"
    found: dict[str, str] = {}
    token: dict[str, str] = {}
    while True:
        answer = call("ssm", "get_parameters_by_path", Path=path, **token)
        found |= {one["Name"]: one["Value"] for one in answer["Parameters"]}
        if not answer.get("NextToken"):
            return [_parse(name, text, config.App) for name, text in sorted(found.items())]
        token = {"NextToken": answer["NextToken"]}


def api() -> str:
    """The console's address, as deployed; without one, empty. Raises a RelightError."""
    answer = call("ssm", "get_parameter", Name=f"/{settings.function_settings().name}/deployment")
    return str(json.loads(answer["Parameter"]["Value"]).get("api", ""))


def console() -> ConsoleConfig:
    """Who has which role, as deployed; as good as new for a minute. Raises ConfigInvalid."""
    return _console(settings.function_settings().name, int(time.time() // 60))


@lru_cache(maxsize=1)
def _console(name: str, minute: int) -> ConsoleConfig:
    path = f"/{name}/console"
    try:
        answer = call("ssm", "get_parameter", {"ParameterNotFound"}, Name=path)
    except Refused:
        return ConsoleConfig()
    return _parse(path, answer["Parameter"]["Value"], ConsoleConfig)


def _parse(path: str, text: str, kind: type[T]) -> T:
    try:
        return decode(json.loads(text), kind)
    except (json.JSONDecodeError, msgspec.ValidationError) as error:
        raise ConfigInvalid(path, [str(error)]) from None
