"""Who sits at the browser: a session's cookie, its form token, and the one-time link that begins one.

The cookie's value is random and secret; the table has its SHA-256. A form's token is made of it, so that only a page which
was shown to this session can carry it.
"""

import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from lambdas.console.answers import Answer, see
from lambdas.console.desk import Call, Desk
from lambdas.console.web.request import Request
from relight.adapters import parameters
from relight.adapters.sessions import Sessions, SignedIn
from relight.errors import ForeignRequest, LinkSpent, NotSignedIn, RoleMissing
from relight.records import replace
from relight.roles import LADDER, PAGES, Role, role_of
from relight.times import from_epoch

LINK_SECONDS = 120
SESSION_SECONDS = 8 * 3600
HOME, SESSION = "/console", "session"
ASK = "ask somebody who has it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request, and who makes it: nobody on a page that needs none. ``role``: what they may now."""

    request: Request
    who: SignedIn | None = None
    role: Role | None = None
    secret: str = field(default="", repr=False)

    @property
    def caller(self) -> str:
        return self.who.name if self.who else ""

    @property
    def form_token(self) -> str:
        return hmac.new(self.secret.encode(), b"form", "sha256").hexdigest() if self.secret else ""

    def may(self, needed: Role) -> bool:
        return self.role is not None and self.role.covers(needed)

    def call(self, **body: Any) -> Call:
        """The same request as the API's functions take it."""
        params, query = self.request.params, self.request.query
        return Call(caller=self.caller, run_id=params.get("run_id", ""), app=query.get("app", ""), body=body, query=query)


def admit(desk: Desk, request: Request) -> Visit:
    """Raises NotSignedIn, RoleMissing, and ForeignRequest for a POST that is not one of our own forms."""
    needed, visit = PAGES[request.route], recognised(desk, request)
    changes = request.route.startswith("POST")
    if changes:
        request.require_own()
    if needed is None:
        return visit
    if visit.who is None:
        raise NotSignedIn("console", "you are not signed in", "run relight console, and open the link it prints")
    if not visit.may(needed):
        raise RoleMissing(visit.caller, f"this needs the role {needed}, and you have {visit.role or 'none'}", ASK)
    if changes and not hmac.compare_digest(request.form.get("form", "").encode(), visit.form_token.encode()):
        raise ForeignRequest("form", "is not of this session", "open the page again, and send it from there")
    return visit


def recognised(desk: Desk, request: Request) -> Visit:
    """Roles are looked up at each request: whom the configuration names no more may nothing more."""
    secret = request.cookies.get(inside(request, SESSION), "")
    who = Sessions(desk.settings.table).session(secret) if secret else None
    if who is None:
        return Visit(request=request)
    role = role_of(parameters.console(), who.name, who.groups, by_aws=not who.issuer)
    return Visit(request=request, who=who, secret=secret, role=min(role, who.role, key=LADDER.index) if role else None)


def make_link(desk: Desk, call: Call, role: Role) -> dict[str, Any]:
    """A link that signs its caller in once, as ``role`` at most: {path, role, expires_at}."""
    call.only()
    secret, until = secrets.token_urlsafe(32), int(time.time()) + LINK_SECONDS
    Sessions(desk.settings.table).put_link(secret, SignedIn(name=call.caller, role=role, expires_at=until))
    return {"path": f"{HOME}/sign-in?link={secret}", "role": role.value, "expires_at": from_epoch(until)}


def sign_in(desk: Desk, visit: Visit) -> Answer:
    """Redeems a link. Raises LinkSpent."""
    who = Sessions(desk.settings.table).redeem(visit.request.form.get("link", ""))
    if who is None:
        raise LinkSpent("link", "was used before, is too old, or was never made", "make another: relight console")
    return begin(desk, visit, who, visit.request.to)


def begin(desk: Desk, visit: Visit, who: SignedIn, to: str, cookies: tuple[str, ...] = ()) -> Answer:
    """A new session, always with a new secret, and the way to the page that was wanted."""
    secret = secrets.token_urlsafe(32)
    Sessions(desk.settings.table).put_session(secret, replace(who, expires_at=int(time.time()) + SESSION_SECONDS))
    return see(to or HOME, (cookie(visit.request, secret, SESSION_SECONDS), *cookies))


def sign_out(desk: Desk, visit: Visit) -> Answer:
    Sessions(desk.settings.table).end_session(visit.secret)
    return see(f"{HOME}/sign-in", (cookie(visit.request, "", 0),))


def inside(request: Request, name: str) -> str:
    """The cookie's full name. A browser takes the prefix only by https, and then no other host can have set the cookie."""
    return f"__Host-relight-{name}" if request.secure else f"relight-{name}"


def cookie(request: Request, value: str, seconds: int, name: str = SESSION) -> str:
    """Lax: a link in a message opens the page of somebody who is signed in, and a GET changes nothing."""
    told = f"{inside(request, name)}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}"
    return told + ("; Secure" if request.secure else "")
