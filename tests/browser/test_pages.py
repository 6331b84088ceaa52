"""Each page as everybody can use it: axe finds no fault in light, dark and on a phone, and the keyboard alone is enough."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import DESKTOP, PHONE, Office, faults

PAGES = {
    "apps": "/console",
    "runs": "/console/runs",
    "run": "/console/runs/{run_id}",
    "objects": "/console/runs/{run_id}/objects",
    "receipt": "/console/runs/{run_id}/evidence/02-plan.json",
    "nothing": "/console/nothing",
    "unknown run": "/console/runs/no-such-run",
}
LOOKS = {"desktop": (DESKTOP, "light"), "dark": (DESKTOP, "dark"), "phone": (PHONE, "light"), "dark phone": (PHONE, "dark")}


@pytest.fixture
def waiting(office: Office) -> Iterator[str]:
    run_id = office.stage.start(mode="drill", rehearse_approval=True)
    office.stage.asked(run_id)
    yield run_id


def looks(page: Page, look: str) -> None:
    size, scheme = LOOKS[look]
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]


def kept(page: Page, name: str, tmp_path: Path) -> None:
    """A picture for whoever wants to look: pytest keeps the last runs' folders."""
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)


def test_no_page_has_a_fault_of_accessibility(office: Office, waiting: str, tmp_path: Path) -> None:
    page, found = office.sits_down("approver"), {}
    for name, path in PAGES.items():
        for look in LOOKS:
            looks(page, look)
            page.goto(office.address + path.format(run_id=waiting))
            kept(page, f"{name}-{look}", tmp_path)
            found[name, look] = faults(page) if name != "receipt" else []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, look)  # nothing sticks out
    assert {where: what for where, what in found.items() if what} == {}


def test_nor_has_what_is_shown_before_and_after(office: Office, waiting: str, tmp_path: Path) -> None:
    initiator, stranger = office.sits_down("starter"), office.opens()
    office.stage.decide(waiting, "reject", reason="a rehearsal")
    office.stage.ended(waiting)
    with office.stage.signed_in("reader") as console:
        link = console.sign_in("viewer")["path"]
    for look in LOOKS:
        for page, path in ((initiator, f"/console/runs/{waiting}"), (stranger, "/console"), (stranger, link)):
            looks(page, look)
            page.goto(office.address + path)
            kept(page, f"{len(path)}-{look}", tmp_path)
            assert faults(page) == [], (path, look)


def test_the_keyboard_alone_is_enough_to_decide(office: Office, waiting: str) -> None:
    page = office.sits_down("approver")
    page.goto(office.run(waiting))
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Approve":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="The decision", exact=True)).to_contain_text("approved")


def test_a_report_is_readable_and_can_do_nothing(office: Office) -> None:
    run_id = office.stage.start(mode="drill")
    office.stage.ended(run_id)
    page = office.sits_down("reader", role="viewer")
    page.goto(office.run(run_id))
    page.get_by_role("link", name="report.html").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Succeeded")
    assert page.evaluate("self.origin") == "null"
