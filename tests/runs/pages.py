"""Pages as somebody without a browser opens them: signed in by the link that the CLI would print."""

from http.client import HTTPConnection
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.runs.stage import Stage


def opened(stage: Stage, *paths: str) -> list[int]:
    """The status of each page, as a viewer sees it."""
    at = urlsplit(stage.engine.environment()["RELIGHT_CONSOLE"])
    with stage.signed_in() as console:
        (link,) = parse_qs(urlsplit(console.sign_in("viewer")["path"]).query)["link"]
    form = {"Origin": f"http://{at.netloc}", "Content-Type": "application/x-www-form-urlencoded"}
    _, cookie = _asked(at.port or 80, "POST", "/console/sign-in", form | {"Host": at.netloc}, urlencode({"link": link}))
    return [_asked(at.port or 80, "GET", path, {"Host": at.netloc, "Cookie": cookie.partition(";")[0]})[0] for path in paths]


def _asked(port: int, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("set-cookie") or ""
    finally:
        connection.close()
