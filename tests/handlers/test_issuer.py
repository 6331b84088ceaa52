"""Who gets in by an issuer of the organisation's own, and whom its answers do not prove."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from relight.adapters import aws, oidc
from relight.consoleconfig import ConsoleConfig, SignIn
from tests.handlers.browser import HOST, Browser
from tests.handlers.conftest import Configure, World
from tests.handlers.issuer import CLIENT, OTHER, Issuer, serving


@pytest.fixture
def issuer(configure: Configure) -> Iterator[Issuer]:
    with serving() as found:
        at = SignIn(issuer=found.url, client_id=CLIENT, groups="cognito:groups")
        configure(ConsoleConfig(sign_in=at, operators=("group:on-call",), approvers=("ann@example.com",)))
        yield found
    oidc._discovered.cache_clear()
    oidc._keys.cache_clear()


def go(browser: Browser, issuer: Issuer) -> Browser:
    """The whole way: to the issuer, back, and on by the button."""
    asked = leave(browser)
    back = issuer.agrees(asked)
    browser.open(urlsplit(back).path + "?" + urlsplit(back).query)
    browser.send("/console/sign-in/back")
    return browser


def leave(browser: Browser, query: str = "") -> dict[str, str]:
    browser.open(f"/console/sign-in/start{query}")
    assert browser.status == 303
    for one in browser.page["cookies"]:
        name, _, value = one.partition(";")[0].partition("=")
        browser.cookies[name] = value
    return dict(parse_qsl(urlsplit(browser.page["headers"]["location"]).query))


def test_a_person_signs_in_at_the_issuer_and_is_who_it_says(issuer: Issuer) -> None:
    browser = Browser()
    assert "Sign in at" in browser.open("/console")
    go(browser, issuer)
    assert browser.status == 303, browser.text
    assert "ann@example.com (approver)" in browser.open("/console")


def test_who_came_for_a_run_is_led_to_it(issuer: Issuer) -> None:
    browser = Browser()
    assert "sign-in/start?to=/console/runs/run-1" in browser.open("/console/runs/run-1")
    back = urlsplit(issuer.agrees(leave(browser, "?to=/console/runs/run-1")))
    browser.open(f"{back.path}?{back.query}")
    browser.send("/console/sign-in/back")
    assert browser.page["headers"]["location"] == "/console/runs/run-1"


def test_the_issuer_is_asked_by_code_with_pkce_state_and_nonce(issuer: Issuer) -> None:
    asked = leave(Browser())
    assert (asked["response_type"], asked["code_challenge_method"], asked["client_id"]) == ("code", "S256", CLIENT)
    assert asked["redirect_uri"] == f"https://{HOST}/console/sign-in/back"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    again = leave(Browser())
    assert {asked[name] for name in ("state", "nonce", "code_challenge")}.isdisjoint(again.values())


def test_a_group_gives_a_role_and_no_list_none(issuer: Issuer) -> None:
    issuer.claims = {"email": "bob@example.com", "cognito:groups": ["on-call", "staff"]}
    assert "bob@example.com (operator)" in go(Browser(), issuer).open("/console")
    issuer.claims = {"email": "eve@example.com"}
    browser = go(Browser(), issuer)
    assert (browser.status, "session" in str(browser.cookies)) == (403, False)
    assert "eve@example.com: is known, and has no role here" in browser.text


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email": "arn:aws:iam::1:user/ann@example.com"},
        {"email": "ann@example.com\n"},
    ],
)
def test_an_address_that_the_issuer_does_not_vouch_for_names_nobody(issuer: Issuer, claims: dict[str, Any]) -> None:
    issuer.claims = claims
    browser = go(Browser(), issuer)
    assert browser.status == 403
    assert ":u-1: is known, and has no role here" in browser.text


@pytest.mark.parametrize(
    ("claims", "how"),
    [
        ({"iss": "https://evil.test"}, {}),
        ({"aud": "another-client"}, {}),
        ({"exp": 1_000_000_000}, {}),
        ({"exp": None}, {}),
        ({"nonce": "of-another-sign-in"}, {}),
        ({"nonce": None}, {}),
        ({"sub": None}, {}),
        ({}, {"key": OTHER}),
        ({}, {"algorithm": "none"}),
        ({}, {"key": "a-secret-of-the-attackers-own-choice", "algorithm": "HS256"}),
    ],
)
def test_a_token_that_does_not_hold_signs_nobody_in(issuer: Issuer, claims: dict[str, Any], how: dict[str, Any]) -> None:
    issuer.claims = claims
    for name, value in how.items():
        setattr(issuer, name, value)
    browser = go(Browser(), issuer)
    assert (browser.status, "R435" in browser.text) == (400, True)
    assert "__Host-relight-session" not in browser.cookies


def test_a_code_that_another_browser_brought_signs_nobody_in(issuer: Issuer) -> None:
    """Else an attacker's own code, in a link, would sign a person in as the attacker."""
    back = urlsplit(issuer.agrees(leave(Browser())))
    victim = Browser()
    for _ in range(2):  # without a sign-in of its own, and with one
        victim.open(f"{back.path}?{back.query}")
        victim.send("/console/sign-in/back")
        assert (victim.status, "__Host-relight-session" in victim.cookies) == (400, False)
        assert issuer.codes, "the code was not even tried"
        leave(victim)


def test_the_way_back_is_a_get_that_signs_nobody_in(issuer: Issuer) -> None:
    browser = Browser()
    back = urlsplit(issuer.agrees(leave(browser)))
    before = aws.client("dynamodb").scan(TableName="relight")["Items"]
    browser.open(f"{back.path}?{back.query}")
    assert browser.status == 200
    assert aws.client("dynamodb").scan(TableName="relight")["Items"] == before
    assert list(issuer.codes)  # not spent


def test_an_issuer_that_says_no_is_told(issuer: Issuer) -> None:
    browser = Browser()
    assert "access_denied" in browser.open("/console/sign-in/back?error=access_denied&state=x")
    assert browser.status == 400


def test_without_an_issuer_there_is_no_way_to_one(world: World) -> None:
    browser = Browser()
    browser.open("/console/sign-in/start")
    assert browser.status == 404
    assert "Sign in at" not in browser.open("/console")
