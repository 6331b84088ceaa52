"""Each role at each route, and what keeps a browser's pages safe: forms, headers, escaping, and GETs that change nothing."""

import json
import re
from typing import Any

import pytest

from lambdas.console.answers import HEADERS
from relight.adapters import aws
from relight.adapters.workflow import Workflow
from relight.model import Run, decode
from relight.roles import API, DEFAULT, LADDER, PAGES, Role
from tests.handlers.browser import NOWHERE, OWN, Browser, link
from tests.handlers.conftest import EVIDENCE, RUN_ID, World, run
from tests.handlers.test_console import ANN, BOB, HASH, TOKEN, ask
from tests.handlers.test_pages import PAGE, dumped, waiting

__all__ = ["waiting"]  # a fixture

NEEDS = [(key, role) for key, role in PAGES.items() if role]
GETS = sorted({key for key in (*API, *PAGES) if key.startswith("GET")})
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}'&"


def path_of(key: str) -> str:
    path = key.partition(" ")[2].replace("{run_id}", RUN_ID).replace("{proxy+}", "plan/plan.json")
    return path.replace("{name}", "console.css").replace("{app}", "ledger")


def sends(browser: Browser, key: str) -> int:
    """The request, made as its own page would."""
    if key.startswith("GET"):
        browser.open(path_of(key))
    else:
        token = re.search(r'name="form" value="(\w+)"', browser.open("/console"))
        browser.post(path_of(key), form=token[1] if token else "", app="ledger", evidence_hash=HASH, reason="no")
    return browser.status


@pytest.fixture
def ready(waiting: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(Workflow, "start", lambda self, run_id, request: f"arn:{run_id}")
    waiting.store.put(f"s3://{EVIDENCE}/ledger/{RUN_ID}/plan/plan.json", b"{}")
    return waiting


# ---------------------------------------------------------------- roles
@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_what_the_table_says_and_nothing_else(ready: World, role: Role) -> None:
    for key, needed in NEEDS:
        status = sends(Browser().signed_in(BOB, role), key)
        assert (status == 403) == (not role.covers(needed)), (key, status)
        assert status != 500, key


def test_nobody_gets_in_without_a_session(ready: World) -> None:
    for key, _ in NEEDS:
        browser = Browser()
        assert sends(browser, key) == 401, key
        assert ready.answered == [], key
        assert RUN_ID not in browser.text, key


def test_a_signature_opens_no_page_and_a_session_no_api(ready: World) -> None:
    from lambdas.console.handler import handler

    signed = {"requestContext": {"authorizer": {"iam": {"userArn": BOB}}}, "pathParameters": {"run_id": RUN_ID}}
    assert handler({"routeKey": "GET /console/runs/{run_id}", **signed}, None)["statusCode"] == 401
    browser = Browser().signed_in(BOB)
    browser.open(f"/runs/{RUN_ID}")
    assert browser.status == 403


def test_a_role_is_for_all_that_those_before_it_may() -> None:
    assert LADDER == [Role.VIEWER, Role.OPERATOR, Role.APPROVER]
    assert all(role.covers(Role.VIEWER) for role in Role)
    assert not Role.OPERATOR.covers(Role.APPROVER)


def test_a_route_that_nobody_knows_is_refused(world: World) -> None:
    browser = Browser().signed_in(BOB)
    for path in ("/console/nothing", "/console/runs/x/y/z", "/wp-login.php"):
        browser.open(path)
        assert browser.status == 404
    browser.post("/console/runs/run-1/promote")
    assert browser.status == 404


# ---------------------------------------------------------------- forms
@pytest.mark.parametrize("where", [NOWHERE, {}, {"origin": "null"}, OWN | {"sec-fetch-site": "cross-site"}, {"origin": "x"}])
def test_a_form_of_another_site_decides_nothing(ready: World, where: dict[str, str]) -> None:
    browser = Browser().signed_in(BOB)
    browser.where = where
    browser.open(PAGE)
    browser.send(f"{PAGE}/approve")
    assert (browser.status, "R433" in browser.text) == (403, True)
    assert ready.answered == []


@pytest.mark.parametrize("token", ["", "made-up", "é", "another-session"])
def test_a_form_without_its_sessions_token_decides_nothing(ready: World, token: str) -> None:
    other = Browser().signed_in(BOB)
    if token == "another-session":
        found = re.search(r'name="form" value="(\w+)"', other.open(PAGE))
        assert found
        token = found[1]
    browser = Browser().signed_in(BOB)
    browser.open(PAGE)
    browser.send(f"{PAGE}/approve", form=token)
    assert (browser.status, ready.answered) == (403, [])


def test_what_was_seen_is_what_is_approved(ready: World) -> None:
    browser = Browser().signed_in(BOB)
    browser.open(PAGE)
    ready.table._update(f"run#{RUN_ID}", "approval", {"evidence_hash": "f" * 64})
    browser.send(f"{PAGE}/approve")
    assert (browser.status, "R212" in browser.text) == (409, True)
    assert ready.answered == []


def test_a_decision_that_may_not_be_is_told_on_the_runs_page_and_changes_nothing(ready: World) -> None:
    initiator = Browser().signed_in(ANN)
    assert "somebody else must approve it" in initiator.open(PAGE)
    initiator.send(f"{PAGE}/approve")
    assert (initiator.status, "R211" in initiator.text, "waits for a decision" in initiator.text) == (403, True, True)
    initiator.send(f"{PAGE}/reject", reason=" ")
    assert (initiator.status, "R214" in initiator.text) == (400, True)
    assert ready.answered == []


def test_break_glass_and_a_rejection_reach_the_record_with_their_words(ready: World) -> None:
    browser = Browser().signed_in(ANN)
    browser.open(PAGE)
    browser.send(f"{PAGE}/approve", break_glass="nobody else is awake")
    assert browser.status == 303
    assert "nobody else is awake" in browser.open(PAGE)


def test_a_form_that_is_too_large_or_no_form_is_refused(ready: World) -> None:
    browser = Browser().signed_in(BOB)
    browser.open(PAGE)
    browser.send(f"{PAGE}/reject", reason="x" * 50_000)
    assert browser.status == 400
    browser.post(f"{PAGE}/reject", **{f"field{i}": "x" for i in range(50)})
    assert browser.status == 400
    assert ready.answered == []


# ---------------------------------------------------------------- a GET changes nothing
def test_a_get_of_any_link_changes_nothing(ready: World) -> None:
    browser, given = Browser().signed_in(BOB), link(BOB).rpartition("=")[2]
    before = everything()
    for key in GETS:
        for path in (path_of(key), f"{path_of(key)}?link={given}&reason=x&evidence_hash={HASH}&app=ledger"):
            browser.open(path)
        if key in API:
            ask(key, BOB, query={"app": "ledger"})
        assert everything() == before, key
        assert ready.answered == [], key


def everything() -> str:
    rows = aws.client("dynamodb").scan(TableName="relight")["Items"]
    objects = aws.client("s3").list_objects_v2(Bucket=EVIDENCE).get("Contents", [])
    return json.dumps([rows, [[one["Key"], one["ETag"]] for one in objects]], sort_keys=True, default=str)


# ---------------------------------------------------------------- headers
@pytest.mark.parametrize("who", [BOB, None])
def test_every_answer_has_every_header(ready: World, who: str | None) -> None:
    for key in sorted({*API, *PAGES}):
        found = answered(key, who)
        assert HEADERS.items() <= found["headers"].items(), key
        assert found["headers"]["content-type"], key


def answered(key: str, who: str | None) -> dict[str, Any]:
    if key in API:
        from lambdas.console.handler import handler

        signed = {"authorizer": {"iam": {"userArn": who}}} if who else {}
        return dict(handler({"routeKey": key, "requestContext": signed, "pathParameters": {"run_id": RUN_ID}}, None))
    browser = Browser().signed_in(who) if who else Browser()
    sends(browser, key if key != DEFAULT else "GET /nothing")
    return browser.page


def test_no_page_has_a_script_a_style_or_a_word_from_elsewhere(ready: World) -> None:
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy
    browser = Browser().signed_in(BOB)
    for path in ("/console", "/console/runs", PAGE, "/console/sign-in", "/console/nothing"):
        text = browser.open(path)
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://(?!www\.w3\.org)", text), path
        assert re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) == [""]


def test_a_report_is_shown_as_nobodys_page(ready: World) -> None:
    ready.store.put(f"s3://{EVIDENCE}/ledger/{RUN_ID}/report.html", b"<script>alert(1)</script>")
    browser = Browser().signed_in(BOB)
    browser.open(f"{PAGE}/evidence/report.html")
    policy = browser.page["headers"]["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    browser.open(f"{PAGE}/evidence/plan/plan.json")
    assert browser.page["headers"]["content-type"].startswith("text/plain")


def test_evidence_of_another_run_cannot_be_had_by_a_name(ready: World) -> None:
    ready.store.put(f"s3://{EVIDENCE}/ledger/run-2/report.json", b"another's")
    browser = Browser().signed_in(BOB)
    for name in ("../run-2/report.json", "a/../../x", "missing.json", ".."):
        browser.open(f"{PAGE}/evidence/{name}")
        assert (browser.status, "another's" in browser.text) == (404, False), name


# ---------------------------------------------------------------- hostile words
def test_what_an_app_a_person_or_a_log_says_is_shown_and_never_obeyed(world: World) -> None:
    asked = decode(run(initiator=HOSTILE, reason=HOSTILE), Run)
    check = {"validator": HOSTILE, "kind": "job", "verdict": HOSTILE, "detail": HOSTILE, "seconds": 1.0}
    facts: dict[str, Any] = {
        "plan": {"passed_over": [HOSTILE], "backup_id": HOSTILE, "uri": "s3://evidence/x", "hash": HOSTILE},
        "validation": {"verdict": "FAILED", "checks": [{**check, "evidence": {"log": f"line\n{HOSTILE}"}}]},
    }
    world.table.list_run(asked)
    world.table.note_run(asked, phase="validate", summary=HOSTILE, outcome="Failed", report="x", **dumped(facts))
    browser = Browser().signed_in(BOB)
    for path in (PAGE, "/console/runs", "/console", f"/console/runs/{HOSTILE.replace('/', '')}"):
        text = browser.open(path)
        assert "<script>alert" not in text and "<img" not in text, path
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in browser.open(PAGE)


def test_no_page_shows_a_token_or_a_session(ready: World) -> None:
    ready.table.note_run(decode(run(initiator=ANN), Run), summary=f"token {'A' + 'Q' * 200}")
    browser = Browser().signed_in(BOB)
    for path in ("/console", "/console/runs", PAGE):
        text = browser.open(path)
        assert TOKEN not in text and "Q" * 200 not in text
        assert not any(secret in text for secret in browser.cookies.values())
