"""A person decides at a browser, on the embedded engine: an alarm approved, a run rejected, an expired one asked again."""

import json
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from relight.adapters.s3 import S3, join
from relight.model import timestamp
from tests.browser.people import PHONE, Office
from tests.runs.stage import Stage


def alarm(stage: Stage) -> str:
    """The app stopped publishing two days ago, and the probe sees it: the run that the alarm starts."""
    rule = f"relight-{stage.app.name}-alarm"
    stage.aws("events").enable_rule(Name=rule)
    pointer = join(stage.app.storage, str(stage.app.signals[0].key))
    with stage.signed_in():
        S3().put(pointer, json.dumps({"ended_at": timestamp(datetime.now(UTC) - timedelta(days=2))}).encode())

    def started() -> str | None:
        stage.call("probe", {"app": stage.app.name})
        return next(iter(stage.named(f"{stage.app.name}-incident-")), None)

    try:
        return str(stage.until(started, "the alarm starts a run", seconds=30))
    finally:
        stage.aws("events").disable_rule(Name=rule)


def test_an_alarm_becomes_an_approved_recovery_and_goes_back(office: Office) -> None:
    run_id = alarm(office.stage)
    page = office.sits_down("approver")
    page.get_by_role("link", name=run_id).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("waits for a decision")  # the page brings itself up to date
    expect(page.get_by_role("table", name="Verdicts of the checks")).to_contain_text("PASSED")
    expect(page.get_by_text("what was written after")).to_be_visible()
    page.get_by_role("button", name="Approve: make it production").click()
    expect(page.get_by_role("region", name="The decision", exact=True)).to_contain_text("user/approver")
    page.get_by_role("button", name="Fail back").wait_for()
    assert office.stage.site() == f"relight/{run_id}"
    office.stage.serving(run_id)
    page.get_by_role("button", name="Fail back").click()
    assert office.stage.site() == f"relight/{run_id}"  # the browser itself asks how the primary is
    page.get_by_label("How the primary is").fill("all nodes and pods are ready")
    page.get_by_role("button", name="Fail back").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Succeeded")
    assert office.stage.site() == "primary"


def test_a_rejection_works_without_javascript_and_on_a_phone(office: Office) -> None:
    run_id = office.stage.start(mode="drill", rehearse_approval=True)
    office.stage.asked(run_id)
    page = office.sits_down("approver", java_script_enabled=False)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(office.run(run_id))
    page.get_by_role("button", name="Reject").click()
    assert page.url == office.run(run_id)  # the browser itself asks for the reason
    page.get_by_label("Why you reject it").fill("the data are a day old")
    page.get_by_role("button", name="Reject").click()
    office.stage.ended(run_id)
    page.goto(office.run(run_id))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rejected")
    expect(page.get_by_text("the data are a day old").first).to_be_visible()


def test_an_expired_request_is_asked_again_and_approved(office: Office) -> None:
    run_id = office.stage.start(mode="drill", rehearse_approval=True)
    page = office.sits_down("approver")
    page.goto(office.run(run_id))
    expect(page.get_by_role("heading", level=1)).to_contain_text("waits for a decision")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Expired", timeout=90_000)
    page.get_by_label("Why now").fill("the approver is awake now")
    page.get_by_role("button", name="Ask again").click()
    page.wait_for_url(office.run(f"{run_id}-r2"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("waits for a decision")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Succeeded")
    phases = page.get_by_role("table", name="Phases of the run")
    expect(phases.get_by_role("row", name="launch")).to_have_count(0)  # nothing was launched or restored again
    page.goto(office.run(run_id))
    expect(page.get_by_role("link", name=f"{run_id}-r2")).to_be_visible()


def test_whoever_asked_may_not_approve_and_a_viewer_may_only_look(office: Office) -> None:
    run_id = office.stage.start(mode="drill", rehearse_approval=True)
    office.stage.asked(run_id)
    initiator, viewer = office.sits_down("starter"), office.sits_down("looker", role="viewer")
    for page in (initiator, viewer):
        page.goto(office.run(run_id))
    expect(initiator.get_by_text("so somebody else must approve it")).to_be_visible()
    expect(initiator.get_by_role("button", name="Approve")).to_have_count(0)
    expect(viewer.get_by_text("It takes the role approver to decide")).to_be_visible()
    assert buttons(viewer) == ["Sign out"]
    initiator.get_by_text("break the glass").click()
    initiator.get_by_label("Why you approve your own run").fill("nobody else is awake")
    initiator.get_by_role("button", name="Approve by break-glass").click()
    expect(initiator.get_by_role("region", name="The decision", exact=True)).to_contain_text("nobody else is awake")


def buttons(page: Page) -> list[str]:
    return [str(one.text_content()) for one in page.get_by_role("button").all()]


def test_what_somebody_types_stays_while_the_page_brings_itself_up_to_date(office: Office) -> None:
    run_id = office.stage.start(mode="drill", rehearse_approval=True)
    office.stage.asked(run_id)
    page = office.sits_down("approver")
    page.goto(office.run(run_id))
    before = page.get_by_text("As of").text_content()
    page.get_by_label("Why you reject it").fill("half a senten")
    expect(page.get_by_text("As of")).not_to_have_text(str(before))
    expect(page.get_by_label("Why you reject it")).to_have_value("half a senten")
