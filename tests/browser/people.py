"""People at browsers: each signed in by the link that the CLI would print for them."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.runs.stage import Stage

PATIENCE = 60_000  # milliseconds
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Office:
    """``odd``: what no page should do: ask another host, break its own policy, answer 500."""

    stage: Stage
    chromium: Browser
    odd: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def sits_down(self, user: str, role: str = "approver", **options: Any) -> Page:
        """A person with a browser of their own, signed in."""
        page = self.opens(**options)
        with self.stage.signed_in(user) as console:
            path = console.sign_in(role)["path"]
        page.goto(self.address + path)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{self.address}/console")
        return page

    def opens(self, **options: Any) -> Page:
        context = self.chromium.new_context(viewport=DESKTOP, **options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self._own(request.url))
        page.on("response", lambda answer: self._well(answer.status, answer.url))
        page.on("console", lambda said: self.odd.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("pageerror", lambda error: self.odd.append(str(error)))
        return page

    @property
    def address(self) -> str:
        return self.stage.engine.environment()["RELIGHT_CONSOLE"]

    def run(self, run_id: str) -> str:
        return f"{self.address}/console/runs/{run_id}"

    def _own(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.address).netloc:
            self.odd.append(f"asked {url}")

    def _well(self, status: int, url: str) -> None:
        if status >= 500:
            self.odd.append(f"{status} of {url}")

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        assert self.odd == []


def faults(page: Page) -> list[str]:
    """What axe finds on the page as it is now: rule and element, a line each."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]
