"""The report as one HTML page: no script, nothing fetched, every value escaped. It prints, and it reads without colours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from relight.words import attempt, counts, duration, mood, size

TEMPLATE = "report.html.j2"


def _names(value: list[str]) -> str:
    return ", ".join(value) or "none"


def _voters(votes: list[dict[str, Any]]) -> str:
    return ", ".join(f"{vote['approver']} at {vote['at']}" for vote in votes)


def _onto(steps: list[dict[str, Any]]) -> str:
    return "; ".join(f"{one['target']}: {one['detail']}" for one in steps if one["action"] == "restore onto the primary")


Form = Callable[[Any], str]
# section → what it is called, the state machine's variable, its field, how it reads
FACTS: dict[str, tuple[tuple[str, str, str, Form], ...]] = {
    "What was recovered": (
        ("backup", "plan", "backup_id", str),
        ("made at", "plan", "created_at", str),
        ("restore", "restore", "outcome", str),
        ("objects", "restore", "counts", counts),
        ("forecast", "restore", "forecast", str),
        ("files", "restore", "volume_files", "{:,}".format),
        ("data", "restore", "volume_bytes", size),
        ("what an earlier restore left", "restore", "earlier", str),
        ("onto", "restore", "cluster", "Kubernetes {}".format),
    ),
    "Who decided": (
        ("decision", "approval", "decided", str),
        ("by", "approval", "approver", str),
        ("at", "approval", "decided_at", str),
        ("approved by", "approval", "approvals", _voters),
        ("reason", "approval", "reason", str),
        ("break-glass", "approval", "break_glass", str),
        ("bound to evidence", "validation", "evidence_hash", str),
        ("promoted at", "promotion", "promoted_at", str),
    ),
    "How it went back": (
        ("failback asked for by", "frozen", "requested_by", str),
        ("frozen at", "frozen", "at", str),
        ("runner", "frozen", "detail", str),
        ("final backup", "frozen", "taken", lambda taken: str(taken["uri"])),
        ("restored onto the primary", "frozen", "steps", _onto),
        ("published on the runner", "handback", "divergence", "; ".join),
        ("one cycle of the primary", "handback", "cycle", lambda cycle: f"{cycle['verdict']}: {cycle['detail']}"),
    ),
    "The runner": (
        ("instance", "launch", "instance_id", str),
        ("type", "launch", "instance_type", str),
        ("zone", "launch", "zone", str),
        ("terminated", "cleared", "terminated", _names),
        ("still there", "cleared", "left", _names),
    ),
    "The run": (
        ("run", "run", "run_id", str),
        ("asked for by", "run", "initiator", str),
        ("why", "run", "reason", str),
        ("started at", "run", "started_at", str),
        ("signals said", "detection", "reason", str),
        ("plan's hash", "plan", "hash", str),
    ),
}
EMPTY: tuple[Any, ...] = (None, "", {}, [])


def page(report: dict[str, Any]) -> bytes:
    """The report (see ``report.build``) as UTF-8 HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"attempt": attempt, "duration": duration, "mood": mood}
    facts = {**report["facts"], "run": report["run"]}
    shown = environment.get_template(TEMPLATE).render(
        report=report,
        sections={title: rows for title in FACTS if (rows := _rows(title, facts))},
        checks=(facts.get("validation") or {}).get("checks", []),
        actions=_actions(facts),
    )
    return shown.encode()


def _rows(title: str, facts: dict[str, Any]) -> list[tuple[str, str]]:
    values = ((label, (facts.get(of) or {}).get(name), form) for label, of, name, form in FACTS[title])
    return [(label, shown) for label, value, form in values if value not in EMPTY and (shown := form(value))]


def _actions(facts: dict[str, Any]) -> list[dict[str, Any]]:
    kept = (("promotion", "actions"), ("handback", "actions"), ("cleared", "undone"))
    return [row for of, name in kept for row in (facts.get(of) or {}).get(name, [])]
