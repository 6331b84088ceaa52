"""The agent as the runner starts it: a process with a configuration file, an instance's identity, and AWS over HTTP."""

import signal
import subprocess
import sys
import time

import pytest

from tests.agent.front import Front
from tests.agent.process import ROOT, Process
from tests.agent.rig import Runner, make_order
from tests.agent.world import TOKEN, a_task
from tests.support import eventually

pytestmark = pytest.mark.slow


def test_an_agent_fetches_beats_and_says_that_it_was_stopped(runner: Runner, front: Front, started: list[Process]) -> None:
    runner.order(make_order())
    runner.give(a_task("restore", heartbeat=3))
    started.append(agent := Process(runner, front))
    eventually(lambda: front.calls, seconds=20)
    assert front.calls[0] == "dynamodb"
    eventually(lambda: list((runner.data / "staging").glob("*/volumes/ledger/state/ledger.db")), seconds=20)
    eventually(lambda: front.count("heartbeat") >= 2)
    assert agent.end() == 0
    assert [what for what, _ in front.callbacks if what != "heartbeat"] == ["failed"]
    said = front.callbacks[-1][1]
    assert said["error"] == "RunnerLost" and said["taskToken"] == TOKEN
    assert runner.receipts("restore")[0]["error"]["type"] == "RunnerLost"


@pytest.mark.slow
def test_a_killed_agent_takes_its_task_up_again_and_answers_once(
    runner: Runner, front: Front, started: list[Process]
) -> None:
    runner.order(make_order())
    runner.give(a_task("restore", heartbeat=30))
    started.append(killed := Process(runner, front))
    eventually(lambda: front.count("heartbeat"), seconds=20)
    killed.end(signal.SIGKILL)
    started.append(again := Process(runner, front))
    eventually(lambda: front.count("heartbeat") == 2, seconds=20)
    again.end()
    started.append(third := Process(runner, front))
    time.sleep(2)
    third.end()
    assert [what for what, _ in front.callbacks if what != "heartbeat"] == ["failed"]


def test_no_output_file_or_evidence_holds_the_token(runner: Runner, front: Front, started: list[Process]) -> None:
    order = make_order()
    runner.order(order)
    runner.give(a_task("restore"))
    front.gone.add(f"{TOKEN}-2")
    started.append(agent := Process(runner, front))
    eventually(lambda: front.count("heartbeat"), seconds=20)
    runner.give(a_task("validate", token=f"{TOKEN}-2"))
    eventually(lambda: b"dropped" in agent.output.read_bytes())
    agent.end()
    disk = b"".join(path.read_bytes() for path in runner.disk.rglob("*") if path.is_file())
    assert b"order received" in disk
    assert TOKEN.encode() not in disk + b"".join(runner.evidence().values())


def test_a_wrong_configuration_is_named_and_ends_with_status_2(runner: Runner, front: Front, started: list[Process]) -> None:
    (runner.disk).mkdir()
    (runner.disk / "wrong.json").write_text('{"region": 7}')
    started.append(agent := Process(runner, front, str(runner.disk / "wrong.json")))
    assert agent.process.wait(15) == 2
    assert "$.region" in agent.output.read_text() and "Traceback" not in agent.output.read_text()


@pytest.mark.slow
def test_off_an_instance_the_agent_says_so_and_ends_with_status_1(
    runner: Runner, front: Front, started: list[Process]
) -> None:
    front.environment = lambda: {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9/"}  # type: ignore[method-assign]
    started.append(agent := Process(runner, front))
    assert agent.process.wait(30) == 1
    assert "no EC2 instance" in agent.output.read_text() and "Traceback" not in agent.output.read_text()


def test_until_the_first_request_only_what_it_needs_is_imported() -> None:
    """The first request has to come within half a second: the rest is imported once an order is there."""
    late = ["kubernetes", "yaml", "zstandard", "relight.recovery", "relight.backup", "relight.evidence"]
    code = f"import sys, relight.agent.agent; print([name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
