"""Unit files, as far as the runner's own need them."""

import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

PREFIXES = "@-:+!"  # what systemd allows before a program's path
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A service. Seconds are floats; ``files`` are EnvironmentFile= paths, a leading "-" meaning "if it is there"."""

    name: str
    start: list[str]
    kind: str = "simple"
    restart: str = "no"
    restart_seconds: float = 0.1
    stop_seconds: float = 2.0
    directory: Path | None = None
    variables: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def environment(self, base: dict[str, str]) -> dict[str, str]:
        """Raises FileNotFoundError for an EnvironmentFile that must be there."""
        merged = {**base, **self.variables}
        for name in self.files:
            path = Path(name.removeprefix("-"))
            if name.startswith("-") and not path.exists():
                continue
            rows = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
            merged |= {
                key.strip(): "".join(shlex.split(value)) for key, sep, value in rows if sep and not key.startswith("#")
            }
        return merged

    def command(self, environment: dict[str, str]) -> list[str]:
        """ExecStart with its $VARIABLES put in."""
        return [VARIABLE.sub(lambda found: environment.get(found[1] or found[2], ""), word) for word in self.start]


def read(folder: Path, name: str) -> Unit:
    """The unit called ``name``, with or without .service. Raises FileNotFoundError, and ValueError if it starts nothing."""
    name = name.removesuffix(".service")
    rows = _service_section((folder / f"{name}.service").read_text(encoding="utf-8"))
    single = {key: values[-1] for key, values in rows.items()}
    if not single.get("ExecStart"):
        raise ValueError(f"{name}.service has no ExecStart")
    return Unit(
        name=name,
        start=[word.replace("%%", "%") for word in shlex.split(single["ExecStart"].lstrip(PREFIXES))],
        kind=single.get("Type", "simple"),
        restart=single.get("Restart", "no"),
        restart_seconds=seconds(single.get("RestartSec", "0.1")),
        stop_seconds=min(2.0, seconds(single.get("TimeoutStopSec", "2"))),
        directory=Path(single["WorkingDirectory"].lstrip("-")) if "WorkingDirectory" in single else None,
        variables=dict(word.split("=", 1) for line in rows.get("Environment", []) for word in shlex.split(line)),
        files=rows.get("EnvironmentFile", []),
    )


def _service_section(text: str) -> dict[str, list[str]]:
    """The [Service] section: every value of every key, lines continued by a backslash joined."""
    rows: dict[str, list[str]] = {}
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            rows.setdefault(key.strip(), []).append(value.strip())
    return rows


def seconds(text: str) -> float:
    """systemd's time spans: 5, 5s, 500ms, 2min."""
    found = re.fullmatch(r"([\d.]+)\s*(ms|s|sec|min|m|h)?", text.strip())
    if not found:
        raise ValueError(f"{text!r} is no time span")
    return float(found[1]) * {"ms": 0.001, "min": 60, "m": 60, "h": 3600}.get(found[2] or "s", 1)


def escapes(name: str) -> bool:
    """A unit's name must not leave the unit folder."""
    return os.sep in name or name.startswith(".")
