"""A promoted runner on the screen: how it is, until when its lease lasts, and its newest backup against the RPO."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape

from relight.model import moment
from relight.words import duration


def lines(serving: dict[str, Any] | None, at: datetime | None = None) -> Iterator[str]:
    """``serving``: as ``GET /runs/{run_id}`` shows it; None where the runner is not production."""
    if not serving:
        return
    vitals = serving.get("vitals") or {}
    state, said = serving.get("state") or "unknown", vitals.get("said") or "its agent has said nothing yet"
    tone = "green" if state == "well" else "red"
    lives = f"its lease lasts until {serving['until']}, and is renewed while it is heard of"
    yield f"production on {serving['runner']} is [{tone}]{escape(state)}[/]: {escape(said)}; {lives}"
    if steps := vitals.get("failback"):
        done = ", ".join(step["action"] for step in steps if step["done"])
        yield f"[yellow]a failback has begun: nothing writes here[/] ({escape(done) or 'freezing'}): see relight failback"
    yield backup(vitals, serving, at or datetime.now(UTC))
    if unsure := (vitals.get("taken") or {}).get("unsure"):
        yield f"[yellow]its newest backup may not be whole[/]: {escape(unsure)}"
    if trouble := vitals.get("trouble"):
        yield f"[red]its last backup failed[/]: {escape(trouble)}"


def backup(vitals: dict[str, Any], serving: dict[str, Any], at: datetime) -> str:
    taken, rpo = vitals.get("taken"), (serving.get("objectives") or {}).get("rpo")
    since = taken["created_at"] if taken else serving.get("since")
    age = (at - moment(since)).total_seconds() if since else 0.0
    what = f"newest backup of it: {taken['backup_id']}, {duration(age)} old" if taken else "no backup of it yet"
    if not rpo:
        return what
    late = "[red]more than[/]" if age > rpo else "within"
    return f"{what}: {late} the RPO of {duration(rpo)}"
