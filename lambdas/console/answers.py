"""What the console answers with: every response, a page's, an error's or the API's, has the same headers."""

import json
from typing import Any
from urllib.parse import quote

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",  # "no-referrer" would take away the Origin that a POST is judged by
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
Answer = dict[str, Any]


def document(code: int, body: dict[str, Any]) -> Answer:
    return answer(code, json.dumps(body), "application/json")


def answer(code: int, body: str, kind: str, cookies: tuple[str, ...] = (), **more: str) -> Answer:
    """``more``: further headers, with underscores for dashes; they win over the usual ones."""
    headers = HEADERS | {"content-type": kind} | {name.replace("_", "-"): value for name, value in more.items()}
    return {"statusCode": code, "headers": headers, "body": body, **({"cookies": list(cookies)} if cookies else {})}


def see(path: str, cookies: tuple[str, ...] = ()) -> Answer:
    """Sends the browser to another page of ours, by GET."""
    return answer(303, "", "text/plain; charset=utf-8", cookies, location=quote(path, safe="/?&=%#+"))
