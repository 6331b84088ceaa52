"""The report as one HTML page: no script, nothing fetched, every value escaped. It prints, and it reads without colours."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2rem; border-bottom: 1px solid; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; }
th, td { padding: .25rem .75rem .25rem 0; }
tbody tr { border-top: 1px solid #8885; } td { overflow-wrap: anywhere; } code { font-size: .85em; }
.outcome { font-size: 1.25rem; font-weight: 600; } .good { color: #1a7f37; } .bad { color: #cf222e; }
.scroll { overflow-x: auto; }
"""
GOOD = {"PASSED", "Healthy", "Succeeded", "Held", "COMPLETE", "approved", "ok"}
FACTS = (
    ("run", "run_id"),
    ("run", "mode"),
    ("run", "initiator"),
    ("run", "reason"),
    ("run", "started_at"),
    ("plan", "backup_id"),
    ("plan", "created_at"),
    ("plan", "hash"),
    ("launch", "instance_id"),
    ("launch", "instance_type"),
    ("launch", "zone"),
    ("restore", "outcome"),
    ("restore", "counts"),
    ("restore", "volume_bytes"),
    ("restore", "volume_files"),
    ("restore", "cluster"),
    ("validation", "verdict"),
    ("validation", "evidence_hash"),
    ("approval", "decided"),
    ("approval", "approver"),
    ("approval", "decided_at"),
    ("approval", "reason"),
    ("promotion", "promoted_at"),
    ("frozen", "requested_by"),
    ("cleared", "terminated"),
    ("cleared", "left"),
)


def page(report: dict[str, Any]) -> bytes:
    """The report (see ``report.build``) as UTF-8 HTML."""
    run, facts = report["run"], {**report["facts"], "run": report["run"]}
    title = f"{run['app']}: {run['mode']} {report['outcome']}"
    checks = (facts.get("validation") or {}).get("checks", [])
    sections = (
        _section("Warnings", _list(report["warnings"])) if report["warnings"] else "",
        _section(
            "Facts",
            _table(
                ("fact", "value"), [(f"{of} {name}", _value(facts, of, name)) for of, name in FACTS if _has(facts, of, name)]
            ),
        ),
        _section(
            "Phases",
            _table(("", "phase", "try", "started", "seconds", "ended as"), [_phase(row) for row in report["phases"]]),
        ),
        _section(
            "Checks",
            _table(("validator", "verdict", "detail"), [(c["validator"], c["verdict"], c["detail"]) for c in checks]),
        ),
        _section("Actions", _table(("action", "target", "done", "detail"), _actions(facts))),
        _section(
            "Receipts",
            _table(("receipt", "sha256"), [(r["uri"].rsplit("/", 1)[-1], r["sha256"]) for r in report["receipts"]]),
        ),
    )
    mood = "good" if report["outcome"] in GOOD else "bad"
    body = (
        f"<h1>{escape(title)}</h1><p class='outcome {mood}'>{escape(report['summary'])}</p>{''.join(sections)}"
        f"<p>Written {escape(report['written_at'])}. Check a copy with <code>relight evidence verify</code>.</p>"
    )
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{escape(title)}</title>"
    return f"<!doctype html><html lang='en'><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>".encode()


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return ""
    titles = "".join(f"<th scope='col'>{escape(title)}</th>" for title in head)
    lines = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>"


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    mood = " class='good'" if text in GOOD else " class='bad'" if text in BAD else ""
    return f"<td{mood}>{escape(text)}</td>"


BAD = {"FAILED", "TIMED_OUT", "COULD_NOT_VERIFY", "Failed", "PARTIAL", "rejected"}


def _has(facts: dict[str, Any], of: str, name: str) -> bool:
    return (facts.get(of) or {}).get(name) not in (None, "", [], {})


def _value(facts: dict[str, Any], of: str, name: str) -> str:
    value = facts[of][name]
    if isinstance(value, dict):
        return ", ".join(f"{key} {number}" for key, number in sorted(value.items()))
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _phase(row: dict[str, Any]) -> tuple[Any, ...]:
    error = row.get("error")
    ended = f"{error['type']}: {error['message']}" if error else "ok"
    return row["number"], row["phase"], row["attempt"], row["started_at"], row["seconds"], ended


def _actions(facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows = [
        row
        for of, name in (("promotion", "actions"), ("handback", "actions"), ("cleared", "undone"))
        for row in (facts.get(of) or {}).get(name, [])
    ]
    return [(row["action"], row["target"], "yes" if row["done"] else "no", row["detail"]) for row in rows]
