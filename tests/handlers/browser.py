"""A browser as far as the console's handler sees one: its cookie, its forms, where it says that a request comes from."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from lambdas.console.handler import handler
from relight.roles import API, DEFAULT, PAGES, Role

HOST = "console.test"
OWN = {"origin": f"https://{HOST}", "sec-fetch-site": "same-origin"}
NOWHERE = {"origin": "https://evil.test", "sec-fetch-site": "cross-site"}


@dataclass
class Browser:
    """``page``: the last answer. ``where``: what a POST says of its origin."""

    cookies: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=lambda: dict(OWN))
    page: dict[str, Any] = field(default_factory=dict)

    def signed_in(self, caller: str, role: Role = Role.APPROVER) -> "Browser":
        self.open(link(caller, role))
        self.send("/console/sign-in")
        assert self.status == 303, self.text
        return self

    def open(self, path: str) -> str:
        self.page = handler(self._event("GET", path), None)
        return self.text

    def send(self, action: str, **fields: str) -> str:
        """Sends the last page's form for ``action`` with what it holds, and ``fields`` typed into it."""
        hidden = fields_of(self.text, action)
        return self.post(action, **{**hidden, **fields})

    def post(self, path: str, **fields: str) -> str:
        body = b64encode(urlencode(fields).encode()).decode()
        event = self._event("POST", path) | {"body": body, "isBase64Encoded": True}
        event["headers"] |= self.where
        self.page = handler(event, None)
        for one in self.page.get("cookies", []):
            name, _, value = one.partition(";")[0].partition("=")
            self.cookies[name] = value
        return self.text

    def _event(self, method: str, path: str) -> dict[str, Any]:
        parts = urlsplit(path)
        route, params = match(method, parts.path)
        return {
            "routeKey": route,
            "rawPath": parts.path,
            "pathParameters": params,
            "queryStringParameters": dict(parse_qsl(parts.query)),
            "headers": {"host": HOST, "x-forwarded-proto": "https"},
            "cookies": [f"{name}={value}" for name, value in self.cookies.items()],
            "requestContext": {},
        }

    @property
    def status(self) -> int:
        return int(self.page["statusCode"])

    @property
    def text(self) -> str:
        return str(self.page["body"])


def match(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The route as API Gateway finds it: the one with the fewest variables."""
    for key in sorted({**API, **PAGES}, key=lambda key: key.count("{")):
        pattern = re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", re.escape(key))
        found = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern), f"{method} {path}")
        if found:
            return key, {name: unquote(value) for name, value in found.groupdict().items()}
    return DEFAULT, {}


def fields_of(html: str, action: str) -> dict[str, str]:
    """The hidden fields of the page's form for ``action``."""
    form = re.search(rf'<form[^>]*action="{re.escape(quote(action, safe="/"))}"(.*?)</form>', html, re.DOTALL)
    assert form, f"no form for {action} in {html}"
    return {unescape(n): unescape(v) for n, v in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form[1])}


def link(caller: str, role: Role = Role.APPROVER) -> str:
    import json

    signed = {"authorizer": {"iam": {"userArn": caller}}}
    answer = handler({"routeKey": f"POST /sign-in/{role}", "requestContext": signed}, None)
    assert answer["statusCode"] == 200, answer
    return str(json.loads(answer["body"])["path"])
