"""Everybody asks the console for everything: each route of ``relight.roles``, as each role, on the engine."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from relight.adapters.s3 import S3
from relight.model import canonical
from relight.roles import API, PAGES, Role
from tests.handlers.browser import HOST, OWN
from tests.runs.stage import Stage

HANDS_BACK = "POST /console/runs/{run_id}/failback"  # a page's form has no dry run but the page: it does what it says
SIGNED = "arn:aws:iam::000000000000:user/"
Answer = dict[str, Any]


@contextmanager
def roles(stage: Stage) -> Iterator[None]:
    """While this lasts, the configuration names a person for each role."""
    name, lists = "/relight/console", {f"{role}s": [f"{SIGNED}{role}"] for role in Role}
    before = stage.aws("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    stage.aws("ssm").put_parameter(Name=name, Type="String", Value=canonical(lists).decode(), Overwrite=True)
    try:
        yield
    finally:
        stage.aws("ssm").put_parameter(Name=name, Type="String", Value=before, Overwrite=True)


@dataclass
class Walk:
    """One run, and who asks for it. ``cookies``: each role's session in a browser; ``forms``: the secret of its forms."""

    stage: Stage
    run_id: str
    cookies: dict[Role, str] = field(default_factory=dict)
    forms: dict[Role, str] = field(default_factory=dict)

    def known(self) -> None:
        """Returns once the function goes by who is who: it looks once a minute."""
        start = "POST /runs/{run_id}/reject"
        self.stage.until(lambda: self.ask(Role.VIEWER, start)["statusCode"] == 403, "a viewer is one")

    def everything(self) -> dict[str, Answer]:
        """The answers to each role and route, but for what hands production back."""
        asked = [(role, route) for role in Role for route in (*API, *PAGES) if route != HANDS_BACK]
        return {f"{role}: {route}": self.ask(role, route) for role, route in asked}

    def ask(self, role: Role, route: str) -> Answer:
        method, _, path = route.partition(" ")
        params = self._variables(route)
        for name, value in params.items():
            path = re.sub(rf"{{{name}\+?}}", quote(value), path)
        event: Answer = {"routeKey": route, "rawPath": path or "/nowhere", "pathParameters": params}
        event |= {"queryStringParameters": {"app": self.stage.app.name}, "requestContext": {}}
        event |= self._signed(role, route) if route in API else self._browsing(role, method)
        if route == "POST /console/sign-out":
            del self.cookies[role], self.forms[role]
        return self.stage.call("console", event)

    def _variables(self, route: str) -> dict[str, str]:
        known = {"run_id": self.run_id, "app": self.stage.app.name, "name": "console.css"}
        given = {name: value for name, value in known.items() if f"{{{name}}}" in route}
        return given | {"proxy": self._evidence()} if "{proxy+}" in route else given

    def _evidence(self) -> str:
        """The last of it; all of it is looked at on its own."""
        prefix = self.stage.evidence(self.run_id)
        with self.stage.signed_in():
            return [one.uri.removeprefix(f"{prefix}/") for one in S3().list(f"{prefix}/")][-1]

    def _signed(self, role: Role, route: str) -> Answer:
        bodies = {"POST /runs": {"app": self.stage.app.name, "mode": "drill"}, "POST /runs/{run_id}/approve": WRONG}
        return {"requestContext": {"authorizer": {"iam": {"userArn": f"{SIGNED}{role}"}}}, "body": dumped(bodies.get(route))}

    def _browsing(self, role: Role, method: str) -> Answer:
        form = {"form": self._form(role), "primary": "it is ready", **WRONG} if method == "POST" else {}
        headers = {"host": HOST, "x-forwarded-proto": "https", **(OWN if form else {})}
        return {"headers": headers, "cookies": [self._cookie(role)], **sent(form)}

    def _form(self, role: Role) -> str:
        """The secret of the session's forms, as any of its pages holds it."""
        if role not in self.forms:
            page = self.ask(role, "GET /console")["body"]
            found = re.search(r'name="form" value="(\w+)"', page)
            assert found, page
            self.forms[role] = found[1]
        return self.forms[role]

    def _cookie(self, role: Role) -> str:
        if role not in self.cookies:
            event = {"routeKey": f"POST /sign-in/{role}", **self._signed(role, "")}
            path = json.loads(self.stage.call("console", event)["body"])["path"]
            self.cookies[role] = self._signed_in(path.partition("link=")[2])
        return self.cookies[role]

    def _signed_in(self, link: str) -> str:
        headers = {"host": HOST, "x-forwarded-proto": "https", **OWN}
        event = {"routeKey": "POST /console/sign-in", "rawPath": "/console/sign-in", "headers": headers}
        return str(self.stage.call("console", event | sent({"link": link}))["cookies"][0]).partition(";")[0]


WRONG = {"evidence_hash": "0" * 64}  # what nobody was shown, so that asking decides nothing


def sent(form: dict[str, str]) -> Answer:
    return {"body": b64encode(urlencode(form).encode()).decode(), "isBase64Encoded": True} if form else {}


def dumped(body: dict[str, Any] | None) -> str:
    return json.dumps(body or {})
