"""Reading `relight.toml`: every wrong field is reported with its path, all at once. And writing one."""

import json
import tomllib
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from relight.config import Config
from relight.errors import ConfigInvalid
from relight.formats import told
from relight.misfits import misfits


def load(path: Path) -> Config:
    """Reads and checks ``relight.toml``. Raises ConfigInvalid with every fault and its path."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        fix = "write it (examples/sample/relight.toml is one), or name yours: --config FILE"
        raise ConfigInvalid(str(path), [f"cannot be read: {error.strerror}"], fix) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(str(path), [f"is not TOML: {error}"]) from None
    return check(raw, str(path))


def check(raw: dict[str, Any], source: str = "relight.toml") -> Config:
    from pydantic import TypeAdapter, ValidationError  # only where a person's file is read

    findings = list(misfits(raw))
    try:
        config = TypeAdapter(Config).validate_python(raw)
    except ValidationError as error:
        findings += told(error.errors())
    findings += [] if findings else _short_lives(config)
    if findings:
        raise ConfigInvalid(source, sorted(findings))
    return config


def _short_lives(config: Config) -> list[str]:
    """A runner must outlive the longest run that may still end well."""
    found = []
    for i, app in enumerate(config.apps):
        needed = app.rto + sum(one.deadline for one in app.validators) + app.approval_window
        if config.runner.hold < needed:
            found.append(
                f"runner.hold: {config.runner.hold} s is shorter than apps[{i}] may need until its approval, {needed} s"
            )
    return found


def written(config: Config) -> str:
    """The configuration as a file that ``load`` reads as the same."""
    return toml(_given(config))


def _given(value: Any) -> Any:
    """A record as a person would write it: plain, and without what its defaults say already."""
    if not is_dataclass(value):
        return [_given(item) for item in value] if isinstance(value, list | tuple) else value
    pairs = ((field, getattr(value, field.name)) for field in fields(value))
    return {field.name: _given(item) for field, item in pairs if item != _default(field)}


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def toml(value: dict[str, Any]) -> str:
    """The configuration as TOML, one line a top-level key (JSON's strings, numbers and booleans are TOML's too)."""
    return "".join(f"{key} = {_inline(item)}\n" for key, item in value.items() if item is not None)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items() if v is not None)
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    return json.dumps(value)
