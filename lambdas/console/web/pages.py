"""Every page by its route: who may open it is ``relight.roles``'s word, how it looks the templates'."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from lambdas.console.answers import Answer, answer, see
from lambdas.console.desk import Desk
from lambdas.console.refusals import status
from lambdas.console.web import apps, evidence, issuer, objects, run, runlist
from lambdas.console.web.render import page
from lambdas.console.web.request import Request
from lambdas.console.web.session import HOME, Visit, admit, sign_in, sign_out
from relight.adapters import parameters
from relight.errors import NotSignedIn, PageNotFound, RelightError
from relight.roles import DEFAULT

log = Logger()
Page = Callable[[Desk, Visit], Answer]
ASSETS = Path(__file__).parent / "assets"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def home(desk: Desk, visit: Visit) -> Answer:
    return see(HOME)


def asset(desk: Desk, visit: Visit) -> Answer:
    """Raises PageNotFound. Only what lies in the folder has a name: nothing else can be asked for."""
    path = {one.name: one for one in ASSETS.iterdir() if one.suffix in KINDS}.get(visit.request.params.get("name", ""))
    return answer(200, path.read_text(encoding="utf-8"), KINDS[path.suffix]) if path else nowhere(desk, visit)


def nowhere(desk: Desk, visit: Visit) -> Answer:
    raise PageNotFound(f"page {visit.request.path}", "does not exist", "begin at /console")


def door(desk: Desk, visit: Visit) -> Answer:
    return sign_in_page(visit, visit.request.to)


def sign_in_page(visit: Visit, to: str, code: int = 200) -> Answer:
    """``to``: where the person is led once they are signed in."""
    link, at = visit.request.query.get("link", ""), parameters.console().sign_in
    return page("sign-in.html.j2", visit, code, link=link, to=to, issuer=at.issuer if at else "")


ROUTES: dict[str, Page] = {
    "GET /": home,
    "GET /console": apps.shown,
    "GET /console/runs": runlist.shown,
    "POST /console/runs": runlist.start,
    "GET /console/runs/{run_id}": run.shown,
    "GET /console/runs/{run_id}/objects": objects.shown,
    "GET /console/runs/{run_id}/evidence/{proxy+}": evidence.shown,
    **{f"POST /console/runs/{{run_id}}/{name}": partial(run.act, action=name) for name in run.ACTIONS},
    "GET /console/sign-in": door,
    "POST /console/sign-in": sign_in,
    "GET /console/sign-in/start": issuer.start,
    "GET /console/sign-in/back": issuer.returned,
    "POST /console/sign-in/back": issuer.finish,
    "POST /console/sign-out": sign_out,
    "GET /console/assets/{name}": asset,
    DEFAULT: nowhere,
}


def serve(event: dict[str, Any]) -> Answer:
    """Never raises: what went wrong is a page too, with the same headers."""
    visit, route = None, str(event.get("routeKey", ""))
    try:
        request = Request.of(event)
        visit = Visit(request=request)
        desk = Desk.of_settings()
        visit = admit(desk, request)
        log.info("asked", extra={"route": route, "caller": visit.caller, "run_id": request.params.get("run_id", "")})
        return ROUTES[route](desk, visit)
    except RelightError as error:
        log.warning("refused", extra={"route": route, "error": f"{type(error).__name__}: {error}"})
        return refused(visit, error)
    except Exception:
        log.exception("broken", extra={"route": route})
        return refused(visit, RelightError("console: this page cannot be made now; relight status shows the run"))


def refused(visit: Visit | None, error: RelightError) -> Answer:
    """The error as a page; who is not signed in is shown how to be."""
    if visit and isinstance(error, NotSignedIn):
        return sign_in_page(visit, visit.request.path, status(error))
    return page("error.html.j2", visit, status(error), error=error)
