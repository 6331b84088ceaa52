"""``relight demo`` as a person runs it, whole: what it shows, how it ends, and that nothing of it outlives it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PHASES = ["detect", "plan", "launch", "restore", "validate", "approve", "promote", "serve", "failback", "teardown", "report"]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def demo(folder: Path, port: int, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "relight.cli", "demo", "--port", str(port), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DEMO_TEST": str(folder)}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, start_new_session=True, **pipes)  # type: ignore


def living(folder: Path) -> Iterator[str]:
    """Every process that inherited this test's mark, or names its folder (a sandboxed one inherits nothing)."""
    mark, name = f"DEMO_TEST={folder}".encode(), str(folder)
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if name in command or mark in (place / "environ").read_bytes().split(b"\0"):
                yield command
        except OSError:
            continue


def nothing_left(folder: Path) -> list[str]:
    deadline = time.monotonic() + 10
    while (left := list(living(folder))) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("option", "outcome", "phases"), [
    ("--approve", "Succeeded", PHASES),
    ("--reject", "Rejected", [phase for phase in PHASES if phase not in ("promote", "serve", "failback")]),
])  # fmt: skip
def test_a_broken_application_comes_back_to_life(
    option: str, outcome: str, phases: list[str], tmp_path: Path, port: int
) -> None:
    process = demo(tmp_path, port, option, "-o", "json")
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    document: dict[str, Any] = json.loads(out)
    assert document["outcome"] == outcome
    assert document["left_running"] == []
    assert document["seconds"] < 240  # 90 on a quiet machine; this one is shared
    assert [row["phase"] for row in document["run"]["phases"]] == phases
    assert {check["verdict"] for check in document["run"]["checks"]} == {"PASSED"}
    decision = document["run"]["approval"]["decision"]
    assert decision["approver"].startswith("arn:aws:iam::")
    assert document["run"]["run"]["initiator"].startswith("alarm/")
    receipts = {path.name.split("-", 1)[1] for path in (tmp_path / document["evidence"]).glob("[0-9]*.json")}
    assert receipts == {f"{phase}.json" for phase in phases}
    assert "Traceback" not in err
    assert nothing_left(tmp_path) == []
    verified = [sys.executable, "-m", "relight.cli", "evidence", "verify", document["evidence"]]
    assert subprocess.run(verified, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60).returncode == 0


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "moment", ["primary cluster ...", "synthesized and deployed ...", "restore   begins", "serve     begins"]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_interrupting_at_any_point_leaves_no_process_behind(
    moment: str, number: signal.Signals, tmp_path: Path, port: int
) -> None:
    process = demo(tmp_path, port, "--approve")
    assert process.stdout
    for line in process.stdout:
        if moment in line:
            break
    else:
        pytest.fail(f"the demo never came to {moment!r}")
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # a terminal sends Ctrl-C to everything in the foreground
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "relight: interrupted\n"
    assert nothing_left(tmp_path) == []


@pytest.mark.parametrize(("options", "says"), [((), "--approve or --reject"), (("--approve", "--reject"), "contradict")])
def test_without_a_terminal_a_decision_must_be_given_before_anything_starts(
    options: tuple[str, ...], says: str, tmp_path: Path, port: int
) -> None:
    process = demo(tmp_path, port, *options)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert says in err
    assert not (tmp_path / ".relight").exists()


@pytest.mark.engine
def test_a_port_that_is_taken_is_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        process = demo(tmp_path, taken, "--approve")
        _, err = process.communicate(timeout=110)
    assert process.returncode == 2
    assert f"R208: port {taken}" in err
    assert nothing_left(tmp_path) == []
