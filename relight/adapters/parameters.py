"""The apps' configuration in SSM parameters, as deployed."""

import json

import msgspec

from relight import config, settings
from relight.adapters.calls import Refused, call
from relight.errors import ConfigInvalid, UnknownApp
from relight.model import decode


def app(name: str) -> config.App:
    """The app as it was deployed. Raises UnknownApp, ConfigInvalid."""
    path = f"/{settings.function_settings().name}/apps/{name}"
    try:
        answer = call("ssm", "get_parameter", {"ParameterNotFound", "ValidationException"}, Name=path)
    except Refused:
        raise UnknownApp(f"app {name!r}", "is not deployed", "deploy it with relight.toml, or correct the name") from None
    return _parse(path, answer["Parameter"]["Value"])


def apps() -> list[config.App]:
    """All deployed apps, by name."""
    path = f"/{settings.function_settings().name}/apps/"
    found: dict[str, str] = {}
    token: dict[str, str] = {}
    while True:
        answer = call("ssm", "get_parameters_by_path", Path=path, **token)
        found |= {one["Name"]: one["Value"] for one in answer["Parameters"]}
        if not answer.get("NextToken"):
            return [_parse(name, text) for name, text in sorted(found.items())]
        token = {"NextToken": answer["NextToken"]}


def _parse(path: str, text: str) -> config.App:
    try:
        return decode(json.loads(text), config.App)
    except (json.JSONDecodeError, msgspec.ValidationError) as error:
        raise ConfigInvalid(path, [str(error)]) from None
