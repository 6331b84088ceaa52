"""Signing in at an issuer: OpenID Connect's code flow with PKCE, state and nonce.

What the flow must remember is in the browser's own cookie until it comes back, so that no GET changes anything here.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from lambdas.console.answers import Answer, answer
from lambdas.console.desk import Desk
from lambdas.console.web.render import page
from lambdas.console.web.request import Request
from lambdas.console.web.session import Visit, begin, cookie, inside
from relight.adapters import oidc, parameters
from relight.adapters.sessions import SignedIn
from relight.consoleconfig import SignIn
from relight.errors import PageNotFound, RoleMissing, SignInRefused
from relight.formats import is_email
from relight.roles import Role, role_of

START, SECONDS = "start", 600


def start(desk: Desk, visit: Visit) -> Answer:
    """Sends the browser to the issuer."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    kept = cookie(visit.request, f"{state}.{nonce}.{verifier}.{visit.request.to}", SECONDS, START)
    where = oidc.address(configured(), back(visit.request), state, nonce, challenge)
    return answer(303, "", "text/plain; charset=utf-8", (kept,), location=where)


def returned(desk: Desk, visit: Visit) -> Answer:
    """The issuer has sent the browser back: the session begins with the POST of what it brought."""
    query = visit.request.query
    if "error" in query or "code" not in query:
        raise SignInRefused("sign-in", f"the issuer said {query.get('error', 'nothing')[:80]}", "sign in again")
    return page("returned.html.j2", visit, brought=query["code"], state=query.get("state", ""))


def finish(desk: Desk, visit: Visit) -> Answer:
    """Raises SignInRefused, and RoleMissing for somebody whom no role's list names."""
    form, sign_in = visit.request.form, configured()
    state, nonce, verifier, to = remembered(visit.request)
    if not state or not hmac.compare_digest(state, form.get("state", "")):
        raise SignInRefused("sign-in", "it was not begun in this browser, or too long ago", "sign in again")
    claims = oidc.claims(sign_in, back(visit.request), form.get("code", ""), verifier, nonce)
    who = signed_in(sign_in, claims)
    if role_of(parameters.console(), who.name, who.groups, by_aws=False) is None:
        raise RoleMissing(who.name, "is known, and has no role here", "ask whoever keeps relight.toml ([console])")
    return begin(desk, visit, who, to, (cookie(visit.request, "", 0, START),))


def signed_in(sign_in: SignIn, claims: dict[str, Any]) -> SignedIn:
    """Named by a verified e-mail address, else by the issuer's own id of them; never like an ARN or a group."""
    email = str(claims.get("email", "")).casefold()
    verified = claims.get("email_verified") in (True, "true") and is_email(email) and ":" not in email
    name = email if verified else f"oidc:{sign_in.issuer.partition('://')[2]}:{claims['sub']}"
    groups = claims.get(sign_in.groups) or ()
    listed = tuple(str(one) for one in groups) if isinstance(groups, list) else ()
    return SignedIn(name=name, role=Role.APPROVER, expires_at=0, issuer=sign_in.issuer, groups=listed)


def remembered(request: Request) -> tuple[str, str, str, str]:
    """State, nonce, verifier, and where the person wanted to be; all empty where no sign-in was begun."""
    kept = request.cookies.get(inside(request, START), "").split(".", 3)
    state, nonce, verifier, to = kept if len(kept) == 4 else [""] * 4
    return state, nonce, verifier, to


def back(request: Request) -> str:
    scheme = "https" if request.secure else "http"
    return f"{scheme}://{request.headers.get('host', '')}/console/sign-in/back"


def configured() -> SignIn:
    """Raises PageNotFound where nobody configured an issuer."""
    found = parameters.console().sign_in
    if found is None:
        raise PageNotFound("sign-in at an issuer", "is not configured", "relight console prints a link")
    return found
