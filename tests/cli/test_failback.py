"""``relight failback``, ``recover`` and what status says of production."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from relight.adapters.s3 import S3
from relight.backup.writer import BackupSource, write_backup
from relight.cli.pages import measured
from relight.measures import measures
from relight.view import read
from relight.words import when
from tests.cli.conftest import Terminal
from tests.cli.runs import ended, run
from tests.cli.stub import Stub
from tests.recovery.fake import FakeCluster

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
TAKEN = {"backup_id": "b9", "uri": "s3://the-apps/app/backups/b9", "created_at": "2026-11-23T11:00:00Z"}
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
        ({"vitals": {"taken": TAKEN | {"unsure": "Namespace app may have ..."}}}, "It may not be whole Namespace app may"),
        ({}, "Its newest backup b9, 1 h 00 min old (at most 2 h 00 min: [green]met[/])"),
        ({"objectives": {"rpo": 1800}}, "(at most 30 min 00 s: [red]missed[/])"),
        ({"vitals": {"said": "x", "taken": None}}, "Its newest backup none yet"),
        (
            {"vitals": None, "state": "silent"},
            "Production on i-1 [red]silent[/]: its agent has said nothing yet; its lease lasts",
        ),
        ({"vitals": {"said": "x", "taken": TAKEN, "trouble": "no [room]"}}, r"Its last backup failed no \[room]"),
        ({"vitals": {"said": "x", "failback": [{"action": "freeze", "done": True}]}}, "nothing writes there (freeze)"),
    ],
)
def test_status_tells_how_production_is_and_how_old_its_backup(changes: dict[str, Any], says: str) -> None:
    found = measures(read(run(serving=SERVING | changes)), AT)
    assert says in "\n".join(f"{one.name} {measured(one)}" for one in found)
    assert "newest backup" not in str(measures(read(run()), AT))


def test_production_that_is_kept_after_its_run_failed_lasts_as_long_as_its_lease_and_not_as_it_was_launched_for() -> None:
    """Its lease is renewed while it is heard of; at launch it was to live for hours."""
    facts = {"launch": {"expires_at": "2026-11-23T07:00:00Z"}, "cleared": {"held": True, "left": ["i-1"]}}
    kept = read(ended("Failed", serving=SERVING, facts=facts))
    assert kept.runner_ends == SERVING["until"]
    assert f"its lease lasts until {when(SERVING['until'])}, and is renewed while" in str(measures(kept, AT))


def test_failback_shows_first_and_says_what_would_do_it(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs/r-1/failback", ANSWER)
    said = terminal("failback", "r-1", "--restored", "b-9")
    assert said.status == 0
    assert "freeze" in said.out and "run p-7, sha256 ab" in said.out
    assert "nothing was changed; next: relight failback r-1 --restore --primary FILE, or --hand-back" in said.out
    assert bodies(api) == [{"confirm": False, "hold": False, "cycle": 300, "primary": "", "restored": "b-9"}]


def test_a_divergence_is_shown_in_red_and_ends_badly(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs/r-1/failback", ANSWER | {"divergence": ["s3://b/p was moved by somebody else"]})
    said = terminal("failback", "r-1")
    assert (said.status, "s3://b/p was moved by somebody else" in said.out) == (1, True)


def test_freeze_and_hand_back_are_told_apart(terminal: Terminal, api: Stub) -> None:
    said = terminal("failback", "r-1", "--freeze", "--hand-back")
    assert (said.status, "give one at a time, --freeze first" in said.err) == (2, True)
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


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--restore",), "name the primary's kubeconfig: --primary FILE"),
        (("--confirm", "1a2b3c4d"), "give it with --restore"),
        (("--unfreeze", "--restore", "--primary", "x"), "give one at a time, --restore first"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_before_anything_is_asked(
    terminal: Terminal, api: Stub, words: tuple[str, ...], says: str
) -> None:
    said = terminal("failback", "r-1", *words)
    assert (said.status, says in said.err, bodies(api)) == (2, True, [])


def test_an_unfreeze_is_waited_for_and_says_where_it_stands(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs/r-1/unfreeze", ANSWER | {"confirmed": True, "steps": [STEPS[0] | {"state": "at work"}]})
    api.on("POST /runs/r-1/failback", ANSWER)
    said = terminal("failback", "r-1", "--unfreeze")
    assert (said.status, "production goes on there" in said.out) == (0, True)
    api.on("POST /runs/r-1/failback", ANSWER | {"steps": [STEPS[0] | {"state": "stopped", "detail": "forbidden"}]})
    said = terminal("failback", "r-1", "--unfreeze")
    assert (said.status, "see what stopped it" in said.out) == (1, True)
    api.on("POST /runs/r-1/unfreeze", ANSWER | {"confirmed": False})
    assert "nothing was frozen or changed" in terminal("failback", "r-1", "--unfreeze").out


def test_the_primary_is_stopped_for_an_unfreeze_only_where_the_console_says_that_it_must_be(
    terminal: Terminal, api: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Path] = []
    monkeypatch.setattr("relight.cli.onto.stop", lambda path, _: stopped.append(path) or "3 action(s)")
    api.on("GET /runs/r-1", {"run_id": "r-1", "run": {"app": "sample"}})
    api.on("POST /runs/r-1/failback", ANSWER)
    api.refuse("POST /runs/r-1/unfreeze", 409, "NothingToDecide", "run r-1: is not serving; only a promoted run can")
    said = terminal("failback", "r-1", "--unfreeze", "--primary", "kubeconfig")
    assert (said.status, "is not serving" in said.err, stopped) == (2, True, [])
    api.refuse("POST /runs/r-1/unfreeze", 409, "PrimaryNotReady", "the primary: has the app; stop it")
    terminal("failback", "r-1", "--unfreeze", "--primary", "kubeconfig")
    assert stopped == [Path("kubeconfig")] and bodies(api)[-1] == {"stopped": "3 action(s)"}


@pytest.fixture
def restoring(api: Stub, account: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A frozen run, its last backup in S3, and a primary that answers as little as it can."""
    boto3.client("s3").create_bucket(Bucket="the-apps", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    write_backup(S3(), TAKEN["uri"], BackupSource(
        backup_id="b9", app="sample", namespace="sample", created_at="2026-11-23T11:00:00Z", manifests=[], volumes={},
    ))  # fmt: skip
    monkeypatch.setattr("relight.cli.onto.primary.reached", lambda _: nullcontext(FakeCluster()))
    api.on("GET /runs/r-1", {"run_id": "r-1", "run": {"app": "sample"}})
    last = {"step": "final backup", "state": "done", "detail": ""}
    api.on("POST /runs/r-1/failback", ANSWER | {"alive": True, "steps": [*STEPS, last], "restored": None})
    api.on("POST /runs/r-1/restored", {"restored": {"target": "b9", "detail": "all of it", "done": True}})
    return tmp_path


RESTORE = ("failback", "r-1", "--restore", "--primary", "kubeconfig", "--image", f"relight@sha256:{'a' * 64}")


def test_a_restore_is_shown_first_and_done_with_the_code_that_was_shown(
    terminal: Terminal, api: Stub, restoring: Path
) -> None:
    shown = terminal(*RESTORE)
    assert (shown.status, "nothing was changed" in shown.out) == (0, True), shown.err
    code = shown.out.rpartition("--confirm ")[2].strip()
    refused = terminal(*RESTORE, "--confirm", "00000000")
    assert (refused.status, "is not the code of this backup" in refused.err) == (2, True)
    done = terminal(*RESTORE, "--confirm", code)
    assert (done.status, "next: relight failback r-1 --hand-back" in done.out) == (0, True), done.err
    notes = [body for body in bodies(api) if "done" in body]
    assert [(note["done"], note["backup"]) for note in notes] == [(False, "b9"), (True, "b9")]


def test_what_still_writes_is_not_restored_from(terminal: Terminal, api: Stub, restoring: Path) -> None:
    code = terminal(*RESTORE).out.rpartition("--confirm ")[2].strip()
    api.on("POST /runs/r-1/failback", ANSWER | {"alive": True, "restored": None})
    said = terminal(*RESTORE, "--confirm", code)
    assert (said.status, "is not frozen, with a last backup" in said.err) == (2, True)


def test_a_restore_that_stops_says_so_on_record(
    terminal: Terminal, api: Stub, restoring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = terminal(*RESTORE).out.rpartition("--confirm ")[2].strip()
    monkeypatch.setattr("relight.recovery.bringing.unwell", lambda *_: ["Deployment web: 0 of 2 available"])
    monkeypatch.setattr("relight.recovery.bringing.WELL_SECONDS", 0.1)
    said = terminal(*RESTORE, "--confirm", code)
    assert (said.status, "R486" in said.err) == (2, True)
    assert [body["done"] for body in bodies(api) if "done" in body] == [False, False]
    assert "not well there" in bodies(api)[-1]["detail"]


def test_of_a_runner_that_died_it_says_what_is_lost(terminal: Terminal, api: Stub, restoring: Path) -> None:
    api.on("POST /runs/r-1/failback", ANSWER | {"alive": False, "restored": None})
    said = terminal(*RESTORE)
    assert (said.status, "what was written there after 2026-11-23T11:00:00Z is lost" in said.out) == (0, True)


def test_without_an_image_it_says_where_one_comes_from(terminal: Terminal, api: Stub, restoring: Path) -> None:
    said = terminal(*RESTORE[:5])
    assert (said.status, "R214: --image: is not given, and no CronJob relight-backup" in said.err) == (2, True)


def test_recover_starts_an_incident(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs", {"run_id": "r-9"})
    said = terminal("recover", "--no-wait", "--reason", "the rack is on fire", "-o", "json")
    assert json.loads(said.out) == {"run_id": "r-9"}
    (body,) = bodies(api)
    assert (body["mode"], body["reason"]) == ("incident", "the rack is on fire")
