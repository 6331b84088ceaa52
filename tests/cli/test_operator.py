"""What a tired person, or a script, meets at the edges: nothing typed, an empty variable, a full disk, a narrow screen."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import typer.main

from relight.cli import main
from relight.cli.output import COMMAND, Page, spelled
from relight.cli.pages import run as run_page
from relight.errors import EngineNotRunning
from relight.local.attach import attach
from relight.view import read
from tests.cli.conftest import ROOT, Terminal
from tests.cli.runs import ended, run
from tests.cli.stub import Stub
from tests.support import free_port, own_clients

pytestmark = pytest.mark.slow

EMPTY = [
    ("drill", "--app", ""),
    ("drill", "--backup-uri", ""),
    ("drill", "--namespace", ""),
    ("drill", "--image-ref", ""),
    ("approve", ""),
    ("reject", "r-1", "--reason", ""),
    ("status", ""),
    ("plan", "--run-id", "", "--output-dir", "p"),
    ("backup", "verify", ""),
    ("evidence", "verify", ""),
]


@pytest.mark.parametrize("typed", EMPTY, ids=" ".join)
def test_an_empty_value_is_never_taken_for_a_default(typed: tuple[str, ...], terminal: Terminal, api: Stub) -> None:
    said = terminal(*typed)
    assert said.status == 2
    assert re.fullmatch(r"relight: R214: [a-z-]+: is empty; give it a value, or leave it out\n", said.err)
    assert api.asked == []


@pytest.mark.parametrize("given", ["../../x", "a b", "..", "x" * 81, "r*"])
def test_what_can_be_no_runs_id_is_not_even_asked_for(given: str, terminal: Terminal, api: Stub) -> None:
    for typed in (("status", given), ("approve", given), ("evidence", "fetch", given), ("plan", "--run-id", given)):
        said = terminal(*typed, *(("--output-dir", "p") if typed[0] == "plan" else ()))
        assert (said.status, "R204: run " in said.err) == (2, True)
    assert api.asked == []
    assert not Path("p").exists()


@pytest.mark.parametrize("typed", [(), ("engine",), ("evidence",)], ids=" ".join)
def test_typing_only_the_name_shows_the_help_as_it_is(typed: tuple[str, ...], terminal: Terminal) -> None:
    said = terminal(*typed)
    assert said.status == 2
    assert "R200" not in said.err
    assert said.err.startswith("Usage: ")
    assert "Commands:\n" in said.err


# ------------------------------------------------------------------ scripts
@pytest.mark.parametrize(
    ("typed", "code", "name"),
    [
        (("status", "r-9", "-o", "json"), "R204", "RunNotFound"),
        (("drill", "--colour", "red", "--output=json"), "R200", "UserError"),
        (("drill", "--app", "shop", "-o", "json"), "R202", "UnknownApp"),
    ],
)
def test_a_script_reads_an_error_as_one_document_too(
    typed: tuple[str, ...], code: str, name: str, terminal: Terminal, api: Stub
) -> None:
    api.refuse("GET /runs/r-9", 404, "RunNotFound", "run r-9: does not exist; relight runs lists them")
    said = terminal(*typed)
    error = said.document["error"]
    assert (said.status, said.document["exit_status"], error["code"], error["name"]) == (2, 2, code, name)
    assert said.err == f"relight: {code}: {error['message']}\n"


def test_a_script_gets_every_wrong_field_as_a_list(terminal: Terminal, account: None) -> None:
    Path("relight.toml").write_text('name = 5\napps = ["x"]\n')
    findings = terminal("runs", "-o", "json").document["error"]["findings"]
    assert findings == ["apps[0]: must be a table: { ... }", "name: must be text in quotes", "runner: is missing"]


def outside(folder: Path, *typed: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "relight.cli", *typed]
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}  # as most people have it
    environment |= {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, stderr=subprocess.PIPE, timeout=60, check=False, **options)


def test_output_that_cannot_be_written_is_the_persons_to_mend(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        said = outside(tmp_path, "doctor", "-o", "json", stdout=full)
    assert said.returncode == 2
    assert said.stderr == b"relight: R200: this disk: No space left on device; make room, and run it again\n"


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    said = outside(tmp_path, "doctor", stdout=writer)
    os.close(writer)
    assert (said.returncode, said.stderr) == (130, b"")


# ------------------------------------------------------------------ a full disk
def test_a_plan_that_does_not_fit_leaves_nothing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = SimpleNamespace(files={"plan.json": b"{}", "manifest.json": b"{}"})
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "manifest.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr("relight.cli.planning.make", lambda *_: bundle)
    monkeypatch.setattr(Path, "write_bytes", full)
    said = terminal("plan", "--run-id", "x", "--output-dir", "p")
    assert said.status == 2
    assert "R214: --output-dir p: cannot be written (No space left on device)" in said.err
    assert not Path("p").exists()


def test_evidence_that_does_not_fit_is_one_line(terminal: Terminal, api: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="evidence", Key="sample/r-1/01-detect.json", Body=b"{}")
    api.on("GET /runs/r-1", ended("Succeeded"))
    monkeypatch.setattr(Path, "write_bytes", full)
    said = terminal("evidence", "fetch", "r-1")
    assert said.status == 2
    assert said.err == "relight: R200: this disk: No space left on device; make room, and run it again\n"


@pytest.mark.parametrize("typed", [("engine", "up"), ("demo", "--approve")], ids=" ".join)
def test_the_engine_is_not_begun_on_a_disk_that_is_too_small(
    typed: tuple[str, ...], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    said = terminal(*typed, "--port", str(free_port()))
    assert said.status == 2
    assert re.fullmatch(
        r"relight: R214: \S+/\.relight: this disk has 4\.1 kB left, .* needs 300\.0 MB; make room.*\n", said.err
    )
    assert not Path(".relight").exists()


def test_the_demo_refuses_a_configuration_that_it_would_not_use(terminal: Terminal) -> None:
    said = terminal("demo", "--approve", "--config", "mine.toml")
    assert said.status == 2
    assert "R214: --config mine.toml: is not what the demo runs: it has its own; leave it out" in said.err


# ------------------------------------------------------------------ where to look
def test_the_configuration_says_which_region_is_asked(terminal: Terminal, api: Stub) -> None:
    text = Path("relight.toml").read_text()
    Path("relight.toml").write_text(text.replace('region = "eu-central-1"', 'region = "eu-west-3"'))
    with own_clients():
        said = terminal("runs")
    assert (said.status, "R219" in said.err, "eu-west-3" in said.err) == (2, True, True)


def test_a_configuration_that_is_not_there_says_how_to_get_one(terminal: Terminal) -> None:
    Path("relight.toml").unlink()
    said = terminal("runs")
    assert said.status == 2
    assert "relight.toml: cannot be read: No such file" in said.err
    assert "examples/sample/relight.toml" in said.err
    assert (ROOT / "examples/sample/relight.toml").is_file()


def test_looking_around_leaves_nothing_behind(terminal: Terminal, account: None) -> None:
    terminal("doctor")
    assert not Path(".relight").exists()


def test_an_engine_that_was_killed_is_not_taken_for_one_that_runs(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (tmp_path / "engine.json").write_text(json.dumps({"pid": killed.pid, "port": 1}))
    killed.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # dead, and its parent has not looked yet
    try:
        with pytest.raises(EngineNotRunning, match="relight engine up"):
            attach(tmp_path)
    finally:
        killed.communicate()


# ------------------------------------------------------------------ commands as they must be typed
def test_every_command_that_a_message_may_name_is_spelled_for_the_person() -> None:
    names = set(typer.main.get_command(main.app).commands)  # type: ignore[attr-defined]
    assert {name for name in names if COMMAND.match(f"relight {name}")} == names
    assert not COMMAND.search("relight.toml, relight-sample, ./run relight runs, relight is fine")


def test_a_hint_can_be_pasted_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELIGHT_LOCAL", raising=False)
    monkeypatch.setenv("RELIGHT_COMMAND", "./run relight")
    assert spelled("next: relight runs", local=False) == "next: ./run relight runs"
    assert spelled("next: relight runs", local=True) == "next: RELIGHT_LOCAL=1 ./run relight runs"
    assert spelled("next: relight engine up", local=True) == "next: ./run relight engine up"
    monkeypatch.setenv("RELIGHT_LOCAL", "1")
    assert spelled("next: relight runs", local=True) == "next: ./run relight runs"


def test_errors_and_pages_are_spelled_alike(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs/r-1", ended("Failed"))
    api.on("GET /runs?app=sample", {"runs": []})
    assert "start one: ./run relight drill" in terminal("runs", RELIGHT_COMMAND="./run relight").out
    assert "start one: ./run relight drill" in terminal("status", RELIGHT_COMMAND="./run relight").err


def test_a_narrow_terminal_folds_and_never_cuts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    long = "s3://relight-sample/sample/" + "0123456789" * 9
    shown = run("r-1", checks=[{"validator": "files", "verdict": "FAILED", "detail": long, "seconds": 1}])
    run_page(Page(stderr=False, local=False), read(shown))
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert long in re.sub(r"\s", "", out)
