"""``relight failback``, ``recover`` and what status says of production."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relight.cli import served
from tests.cli.conftest import Terminal
from tests.cli.stub import Stub

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
TAKEN = {"backup_id": "b9", "uri": "s3://b/app/backups/b9", "created_at": "2026-11-23T11:00:00Z"}
SERVING: dict[str, Any] = {
    "runner": "i-1",
    "until": "2026-11-26T03:00:00Z",
    "state": "well",
    "since": "2026-11-23T03:00:00Z",
    "objectives": {"rto": 600, "rpo": 7200},
    "vitals": {"said": "workloads are available", "taken": TAKEN, "trouble": ""},
}
STEPS = [{"step": "freeze", "state": "to do", "detail": "running pods waited for"}]
ANSWER = {
    "run_id": "r-1",
    "confirmed": False,
    "steps": STEPS,
    "divergence": [],
    "published": ["s3://b/x: 2026-11-23T11:00:00Z, run p-7, sha256 ab"],
    "serving": SERVING,
}


def bodies(api: Stub) -> list[Any]:
    return [body for _, body in api.changes]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vitals": {"taken": TAKEN | {"unsure": "Namespace app may have ..."}}}, "may not be whole[/]: Namespace app may"),
        ({}, "b9, 1 h 00 min old: within the RPO of 2 h 00 min"),
        ({"objectives": {"rpo": 1800}}, "more than"),
        ({"vitals": {"said": "x", "taken": None}}, "no backup of it yet"),
        ({"vitals": None}, "has said nothing yet"),
        ({"vitals": {"said": "x", "taken": TAKEN, "trouble": "no [room]"}}, "its last backup failed"),
    ],
)
def test_status_tells_how_production_is_and_how_old_its_backup(changes: dict[str, Any], says: str) -> None:
    assert says in "\n".join(served.lines(SERVING | changes, AT))
    assert list(served.lines(None)) == []


def test_failback_shows_first_and_says_what_would_do_it(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs/r-1/failback", ANSWER)
    said = terminal("failback", "r-1", "--restored", "b-9")
    assert said.status == 0
    assert "freeze" in said.out and "run p-7, sha256 ab" in said.out
    assert "nothing was changed; next: relight failback r-1 --hand-back" in said.out
    assert bodies(api) == [{"confirm": False, "hold": False, "cycle": 300, "primary": "", "restored": "b-9"}]


def test_a_divergence_is_shown_in_red_and_ends_badly(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs/r-1/failback", ANSWER | {"divergence": ["s3://b/p was moved by somebody else"]})
    said = terminal("failback", "r-1")
    assert (said.status, "s3://b/p was moved by somebody else" in said.out) == (1, True)


def test_freeze_and_hand_back_are_told_apart(terminal: Terminal, api: Stub) -> None:
    assert terminal("failback", "r-1", "--freeze", "--hand-back").status == 2
    api.on("POST /runs/r-1/failback", ANSWER | {"confirmed": True})
    assert terminal("failback", "r-1", "--freeze").status == 0
    (body,) = bodies(api)
    assert (body["confirm"], body["hold"]) == (True, True)


def test_a_primary_that_cannot_be_asked_is_told_and_nothing_is_asked_for(
    terminal: Terminal, api: Stub, tmp_path: Path
) -> None:
    api.on("GET /runs/r-1", {"run_id": "r-1", "run": {"app": "sample"}})
    said = terminal("failback", "r-1", "--hand-back", "--primary", str(tmp_path / "none"))
    assert (said.status, "R487" in said.err, bodies(api)) == (2, True, [])


def test_recover_starts_an_incident(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs", {"run_id": "r-9"})
    said = terminal("recover", "--no-wait", "--reason", "the rack is on fire", "-o", "json")
    assert json.loads(said.out) == {"run_id": "r-9"}
    (body,) = bodies(api)
    assert (body["mode"], body["reason"]) == ("incident", "the rack is on fire")
