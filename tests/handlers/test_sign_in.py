"""Who gets in by a link of the CLI's, for how long, and as what."""

import time
from collections.abc import Callable

import pytest

from lambdas.console.web import session
from relight.adapters import aws
from relight.adapters.sessions import _key
from relight.consoleconfig import ConsoleConfig
from relight.roles import Role
from tests.handlers.browser import NOWHERE, Browser, link
from tests.handlers.conftest import Configure, World
from tests.handlers.test_console import ANN, BOB, ask
from tests.handlers.test_pages import PAGE


# ---------------------------------------------------------------- by a link
def test_a_link_signs_in_whoever_asked_for_it_and_a_get_of_it_does_not(world: World) -> None:
    browser, path = Browser(), link(BOB)
    assert "signs you in once" in browser.open(path)  # a mail scanner, a preview
    assert browser.cookies == {}
    browser.send("/console/sign-in")
    assert browser.status == 303
    assert BOB in browser.open("/console")
    (name,) = browser.cookies
    assert name == "__Host-relight-session"


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(world: World) -> None:
    browser = Browser()
    browser.open(link(BOB))
    browser.send("/console/sign-in")
    (cookie,) = browser.page["cookies"]
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


def test_who_opens_a_runs_link_is_led_there_once_signed_in_and_nowhere_else(world: World) -> None:
    browser = Browser()
    browser.open("/console/runs/run-1")
    assert browser.status == 401
    for to, where in (
        (PAGE, PAGE),
        ("//evil.test", "/console"),
        ("https://evil.test", "/console"),
        ("/console\\\\x", "/console"),
    ):
        browser.open(f"{link(BOB)}&to={to}")
        browser.send("/console/sign-in")
        assert browser.page["headers"]["location"] == where


def test_a_link_works_once(world: World) -> None:
    path = link(BOB)
    for status in (303, 410):
        browser = Browser()
        browser.open(path)
        browser.send("/console/sign-in")
        assert browser.status == status
    assert browser.cookies == {}


@pytest.mark.parametrize("of", [lambda path: path[:-1] + "x", lambda path: path.partition("=")[0] + "=never-made"])
def test_a_forged_link_opens_nothing(world: World, of: Callable[[str], str]) -> None:
    browser = Browser()
    browser.open(of(link(BOB)))
    browser.send("/console/sign-in")
    assert (browser.status, browser.cookies) == (410, {})


def test_a_link_is_too_old_after_two_minutes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = link(BOB)
    later = time.time() + session.LINK_SECONDS + 1
    monkeypatch.setattr("relight.adapters.sessions.time.time", lambda: later)
    browser = Browser()
    browser.open(path)
    browser.send("/console/sign-in")
    assert (browser.status, browser.cookies) == (410, {})


def test_a_link_cannot_be_redeemed_from_another_site(world: World) -> None:
    """Or somebody could sign a person in as somebody else, and have them decide under that name."""
    browser = Browser(where=NOWHERE)
    browser.open(link(BOB))
    browser.send("/console/sign-in")
    assert (browser.status, browser.cookies) == (403, {})


# ---------------------------------------------------------------- sessions
def test_a_session_is_over_after_its_time_and_when_its_person_signs_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser().signed_in(BOB)
    before = dict(browser.cookies)
    browser.open("/console")
    browser.send("/console/sign-out")
    assert browser.status == 303
    stolen = Browser(cookies=before)
    stolen.open("/console")
    assert stolen.status == 401
    other = Browser().signed_in(BOB)
    later = time.time() + session.SESSION_SECONDS + 1
    monkeypatch.setattr("relight.adapters.sessions.time.time", lambda: later)
    other.open("/console")
    assert other.status == 401


@pytest.mark.parametrize("value", ["", "made-up", "x" * 4000, "../run#run-1"])
def test_a_forged_session_is_nobodys(world: World, value: str) -> None:
    browser = Browser(cookies={"__Host-relight-session": value})
    browser.open("/console")
    assert browser.status == 401
    assert "relight console" in browser.text


def test_the_table_holds_no_secret_that_signs_anybody_in(world: World) -> None:
    browser = Browser().signed_in(BOB)
    path = link(ANN)
    rows = str(aws.client("dynamodb").scan(TableName="relight")["Items"])
    assert browser.cookies["__Host-relight-session"] not in rows
    assert path.rpartition("=")[2] not in rows
    assert _key("session", browser.cookies["__Host-relight-session"]) in rows


def test_a_cookie_that_another_host_may_have_set_is_not_looked_at(world: World) -> None:
    secret = Browser().signed_in(BOB).cookies["__Host-relight-session"]
    browser = Browser(cookies={"relight-session": secret})
    browser.open("/console")
    assert browser.status == 401


# ---------------------------------------------------------------- roles
def test_iam_decides_for_whom_no_list_names_and_the_lists_for_all_others(world: World, configure: Configure) -> None:
    assert ask("POST /sign-in/approver", ANN)[0] == 200
    configure(ConsoleConfig(viewers=(ANN,), approvers=("arn:aws:iam::1:user/b*",)))
    status, body = ask("POST /sign-in/approver", ANN)
    assert (status, body["error"]) == (403, "RoleMissing")
    assert ask("POST /sign-in/viewer", ANN)[0] == 200
    assert ask("POST /sign-in/approver", BOB)[0] == 200


def test_who_asked_to_be_a_viewer_is_one(world: World) -> None:
    browser = Browser().signed_in(BOB, Role.VIEWER)
    assert f"{BOB} (viewer)" in browser.open("/console")
    assert "Start a drill" not in browser.text


def test_a_role_that_is_taken_away_is_gone_at_the_next_request(world: World, configure: Configure) -> None:
    browser = Browser().signed_in(BOB)
    configure(ConsoleConfig(viewers=(BOB,)))
    assert f"{BOB} (viewer)" in browser.open("/console")
