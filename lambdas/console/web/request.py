"""A browser's request, as the pages need it."""

import re
from base64 import b64decode
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from relight.errors import ForeignRequest, RequestInvalid

LARGEST = 20_000  # bytes of a form
PAGE = re.compile(r"/console(/(?!\.\.?(/|$))[A-Za-z0-9_.~%-]+)*")
SAME = ("same-origin", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``form``: of a POST. ``secure``: by https, as it always is on AWS; the embedded engine has only loopback."""

    route: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    cookies: dict[str, str] = field(repr=False)
    form: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, event: dict[str, Any]) -> "Request":
        """Raises RequestInvalid for a form that is none."""
        headers = {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}
        given = [*(event.get("cookies") or ()), headers.get("cookie", "")]
        return cls(
            route=str(event.get("routeKey", "")),
            path=str(event.get("rawPath") or "/"),
            params=dict(event.get("pathParameters") or {}),
            query=dict(event.get("queryStringParameters") or {}),
            headers=headers,
            cookies={name: value for one in given for name, value in _cookies(one).items()},
            form=_form(event),
        )

    @property
    def secure(self) -> bool:
        return self.headers.get("x-forwarded-proto") == "https"

    @property
    def to(self) -> str:
        """Where a person wants to be once they are signed in: a page of ours, or nothing."""
        asked = self.form.get("to") or self.query.get("to") or ""
        return asked if PAGE.fullmatch(asked) else ""

    def require_own(self) -> None:
        """Raises ForeignRequest for a POST that did not come from one of our own pages, or does not say where from."""
        origin, said = self.headers.get("origin"), self.headers.get("sec-fetch-site")
        own = urlsplit(origin or "").netloc == self.headers.get("host", "")
        if (origin is None and said is None) or (origin is not None and not own) or (said is not None and said not in SAME):
            raise ForeignRequest("console", "this request did not come from the console's own page", "open it there")


def _cookies(text: str) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(text).items()}
    except CookieError:
        return {}


def _form(event: dict[str, Any]) -> dict[str, str]:
    raw = str(event.get("body") or "")
    if len(raw) > LARGEST * 2:
        raise RequestInvalid("form", f"is larger than {LARGEST} bytes", "shorten it")
    try:
        text = b64decode(raw).decode() if event.get("isBase64Encoded") else raw
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise RequestInvalid("form", "cannot be read", "send it from the console's page") from None
