"""How others find a running engine: ``engine.json`` in its state directory, and the SDK's variables it stands for."""

import getpass
import json
import re
from pathlib import Path
from typing import Any

from relight.errors import EngineNotRunning
from relight.local import processes
from relight.settings import set_environment


def attach(state: Path) -> dict[str, str]:
    """Points this process's SDK at the engine that runs below ``state``, and returns the variables it set.

    Raises EngineNotRunning.
    """
    facts = running(state)
    if facts is None:
        raise EngineNotRunning(
            f"--local ({state})", "no embedded engine runs there", "start one: relight engine up; or leave --local out"
        )
    values = variables(facts, person() if person() in facts["users"] else next(iter(facts["users"])))
    set_environment(values)
    return values


def running(state: Path) -> dict[str, Any] | None:
    """What ``engine.json`` says of the engine that runs below ``state``; None where none does, or no longer."""
    try:
        facts: dict[str, Any] = json.loads((state / "engine.json").read_text(encoding="utf-8"))
        return facts if processes.alive(facts["pid"]) else None
    except (OSError, ValueError, KeyError):
        return None


def variables(facts: dict[str, Any], user: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{facts['port']}",
        "AWS_REGION": facts["region"],
        "AWS_DEFAULT_REGION": facts["region"],
        "AWS_EC2_METADATA_DISABLED": "true",
        "RELIGHT_API": facts["api"],
        "RELIGHT_CONSOLE": facts.get("console", ""),
        **facts["users"][user],
    }


def person() -> str:
    """The person at the keyboard, as a name that IAM accepts."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return re.sub(r"[^\w+=,.@-]", "-", name) or "operator"
