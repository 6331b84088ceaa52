"""Who gets in: by a link, by an issuer, and who does not."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from lambdas.console.web import session
from relight.adapters import aws, oidc, parameters
from relight.adapters.sessions import _key
from relight.consoleconfig import ConsoleConfig, SignIn
from relight.model import canonical, encode
from relight.roles import Role
from tests.handlers.browser import HOST, NOWHERE, Browser, link
from tests.handlers.conftest import World
from tests.handlers.issuer import CLIENT, OTHER, Issuer, serving
from tests.handlers.test_console import ANN, BOB, ask

Configure = Callable[[ConsoleConfig], None]


@pytest.fixture
def configure(world: World) -> Iterator[Configure]:
    def put(console: ConsoleConfig) -> None:
        value = canonical(encode(console)).decode()
        aws.client("ssm").put_parameter(Name="/relight/console", Type="String", Value=value, Overwrite=True)
        parameters._console.cache_clear()

    yield put
    parameters._console.cache_clear()


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


# ---------------------------------------------------------------- by an issuer
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


def leave(browser: Browser) -> dict[str, str]:
    browser.open("/console/sign-in/start")
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
