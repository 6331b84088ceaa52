"""A deployment takes long: those who share one are on one worker, and the stories are told by two."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.inbox import Inbox
from tests.runs.stage import Stage
from tests.support import free_port

DEPLOYS = {"test_causes", "test_promotion", "test_sealed"}  # one of its own
FIRST = {"test_again", "test_faults", "test_happy", "test_readiness"}  # half of the others, by how long they take


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.timeout(300))
            stem = item.path.stem
            item.add_marker(pytest.mark.xdist_group(stem if stem in DEPLOYS else f"runs {stem in FIRST}"))


@pytest.fixture
def stage(whole: Stage) -> Iterator[Stage]:
    yield whole
    whole.clear()
    whole.forget_backups()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("stage"), free_port())
    try:
        made.up()
        yield made
    finally:
        made.engine.down()
    assert made.engine.leftovers() == []


@pytest.fixture
def inbox(stage: Stage) -> Iterator[Inbox]:
    made = Inbox(stage)
    yield made
    made.close()


@pytest.fixture
def called_out(stage: Stage) -> Iterator[Inbox]:
    made = Inbox(stage, "escalation")
    yield made
    made.close()
