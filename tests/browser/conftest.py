"""Debian's chromium before the console of an embedded engine. Without chromium nothing here ran, and it says so."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from relight.config import App
from tests.browser.people import PATIENCE, Office
from tests.runs.stage import Stage
from tests.support import free_port

CHROMIUM = shutil.which("chromium")
NOT_RUN = "NOT RUN: chromium is not installed, so no page was looked at in a browser (apt-get install chromium)"


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))
            item.add_marker(pytest.mark.xdist_group("browser"))  # one stage, one worker
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason=NOT_RUN))


class Unhurried(Stage):
    """A person at a browser takes longer than a test's own call."""

    def _described(self, app: App) -> App:
        return replace(super()._described(app), approval_window=60)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Unhurried(tmp_path_factory.mktemp("browser"), free_port())
    try:
        made.up()
        yield made
    finally:
        made.engine.down()
    assert made.engine.leftovers() == []


@pytest.fixture
def office(whole: Stage, chromium: Browser) -> Iterator[Office]:
    found = Office(whole, chromium)
    yield found
    found.close()
    whole.clear()
