"""The engine's life: it tells where it is, it ends whole, and it dies with whoever started it."""

import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from relight import configfile
from relight.errors import EngineFailed, EngineNotRunning, PortTaken
from relight.local import processes
from relight.local.engine import Engine, attach
from relight.local.synthesis import ROOT
from tests.engine.conftest import Account
from tests.support import eventually, free_port

# Starts an engine with one instance that runs a program of its own, says so, and waits to be killed.
PARENT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
from pathlib import Path
import boto3
from relight.local.engine import Engine, attach
engine = Engine(Path(sys.argv[1]), port=int(sys.argv[2]))
engine.start()
attach(engine.state)
program = "#!/bin/bash\\nsetsid sleep 600 & exec sleep 600"
boto3.client("ec2").run_instances(MinCount=1, MaxCount=1, ImageId="ami-1", UserData=program)
while len(engine.leftovers()) < 5:  # local AWS, instance, its two programs, port
    time.sleep(0.05)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "state", port=free_port())
    yield engine
    engine.down()


@pytest.mark.engine
def test_an_engine_tells_where_it_is_and_ends_whole(mine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    mine.start()
    with pytest.MonkeyPatch.context() as patch:
        for name in mine.environment():
            patch.setenv(name, "")  # so that what attach sets is undone
        assert attach(mine.state) == mine.environment()
        assert ":user/" in boto3.client("sts").get_caller_identity()["Arn"]
    assert (mine.state / "engine.json").stat().st_mode & 0o077 == 0
    assert len(mine.leftovers()) == 2, "the local AWS and its port"
    mine.down()
    assert mine.leftovers() == []
    with pytest.raises(EngineNotRunning, match="no embedded engine runs there"):
        attach(mine.state)
    mine.down()


@pytest.mark.engine
def test_it_listens_on_loopback_alone(mine: Engine) -> None:
    mine.start()
    pids = set(processes.marked(str(mine.state)))
    inodes = {str(fd.readlink()) for pid in pids for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
    assert listening == [f"0100007F:{mine.port:04X}"]


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_outlives_whoever_started_it(tmp_path: Path, number: signal.Signals) -> None:
    state, port = tmp_path / "state", free_port()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(state), str(port)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert parent.stdout
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(number)
        parent.wait(10)
    finally:
        parent.kill()
    watcher = Engine(state, port=port)
    eventually(lambda: watcher.leftovers() == [], seconds=8)


@pytest.mark.engine
def test_killing_the_local_aws_itself_leaves_nothing(mine: Engine) -> None:
    mine.start()
    program = "#!/bin/bash\nsetsid sleep 600 & exec sleep 600"
    Account(mine.environment()).ec2.run_instances(MinCount=1, MaxCount=1, ImageId="ami-1", UserData=program)
    eventually(lambda: len(mine.leftovers()) == 5)
    os.kill(json.loads((mine.state / "engine.json").read_text())["pid"], signal.SIGKILL)
    eventually(lambda: mine.leftovers() == [], seconds=8)


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port}: another process listens there"):
            Engine(tmp_path / "state", port=port).start()
    assert not (tmp_path / "state").exists(), "nothing changed"


@pytest.mark.engine
def test_a_local_aws_that_cannot_start_says_why_and_leaves_nothing(mine: Engine) -> None:
    mine._options["wait-scale"] = "no-number"  # type: ignore[assignment]
    with pytest.raises(EngineFailed, match="no-number"):
        mine.start()
    assert mine.leftovers() == []


@pytest.mark.engine
def test_a_second_engine_in_the_same_place_is_refused_and_the_first_lives_on(mine: Engine) -> None:
    mine.start()
    second, neighbour = Engine(mine.state, port=free_port()), Engine(Path(f"{mine.state}-2"), port=free_port())
    with pytest.raises(PortTaken, match="an engine already runs there"):
        second.start()
    second.down()
    assert neighbour.leftovers() == [], "a directory whose name begins alike is another engine's"
    assert Account(mine.environment()).sts.get_caller_identity()["Account"] == "000000000000"


def test_no_engine_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(EngineNotRunning, match="--local"):
        attach(tmp_path)
    (tmp_path / "engine.json").write_text("{half")
    with pytest.raises(EngineNotRunning):
        attach(tmp_path)


def test_the_configuration_survives_being_written_for_synthesis(tmp_path: Path) -> None:
    """Whatever a person's file says, app.py reads the same."""
    loaded = configfile.load(ROOT / "examples" / "sample" / "relight.toml")
    written = tmp_path / "relight.toml"
    written.write_text(configfile.written(loaded), encoding="utf-8")
    assert configfile.load(written) == loaded


@pytest.mark.parametrize("text", ['quote " and \\ backslash', "ünïcode \u2028 line", "tab\tnew\nline", ""])
def test_every_text_survives_as_toml(text: str) -> None:
    assert tomllib.loads(configfile.toml({"key": text, "rows": [{"a b": text, "none": None}]})) == {
        "key": text,
        "rows": [{"a b": text}],
    }
