from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.front import Front
from tests.agent.process import Process
from tests.agent.rig import REGION, Runner, make_world
from tests.support import memory_aws, own_clients


@pytest.fixture(scope="package")
def clients() -> Iterator[None]:
    with own_clients():
        yield


@pytest.fixture
def runner(tmp_path: Path, clients: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A runner in a world with one backup; its agent is not started yet."""
    monkeypatch.setattr("relight.agent.loop.EAGER_SECONDS", 0.05)
    with memory_aws(REGION):
        make_world(tmp_path)
        runner = Runner(tmp_path / "disk")
        yield runner
        runner.cluster.hold.clear()
        for agent in runner.started:
            agent.stop()


@pytest.fixture
def front(runner: Runner) -> Iterator[Front]:
    front = Front()
    yield front
    front.close()


@pytest.fixture
def started(runner: Runner, front: Front) -> Iterator[list[Process]]:
    """Agents to end, whatever happens."""
    processes: list[Process] = []
    yield processes
    for one in processes:
        one.process.kill()
        one.process.wait()
