"""What a run left, as it lies in the evidence bucket: only of this run, and nothing of it can act in the console's name."""

from itertools import islice
from typing import Any

from lambdas.console.answers import Answer, answer
from lambdas.console.desk import Desk
from lambdas.console.web.session import Visit
from relight.adapters.s3 import S3, join
from relight.errors import PageNotFound
from relight.evidence.binding import evidence_prefix

MOST = 200  # names that a page lists
LARGEST = 5_000_000  # bytes: an answer of Lambda holds 6 MB
# A report has its style in itself. Sandboxed it is a page of nobody's: no script, no form, no cookie.
REPORT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def listed(uri: str | None) -> list[dict[str, Any]]:
    """Names and bytes of what the run left so far, in the order of their names."""
    if not uri:
        return []
    found = islice(S3().list(f"{uri.rstrip('/')}/"), MOST)
    return [{"name": one.uri.removeprefix(f"{uri.rstrip('/')}/"), "size": one.size} for one in found]


def shown(desk: Desk, visit: Visit) -> Answer:
    """Raises RunNotFound, and PageNotFound for what is not there or too large."""
    run, _ = desk.run(visit.request.params.get("run_id", ""))
    name = visit.request.params.get("proxy", "")
    if {"", ".", ".."} & set(name.split("/")):
        raise PageNotFound(f"evidence {name!r}", "is no name", "take one from the run's page")
    uri, store = join(evidence_prefix(desk.settings.evidence_bucket, run), name), S3()
    found = store.head(uri)
    if found is None or found.size > LARGEST:
        problem = "does not exist" if found is None else f"has {found.size} bytes, more than a page can carry"
        raise PageNotFound(f"evidence {name}", problem, f"all of it: relight evidence fetch {run.run_id}")
    text = store.get(uri).decode("utf-8", "replace")
    if name == "report.html":
        return answer(200, text, "text/html; charset=utf-8", content_security_policy=REPORT)
    return answer(200, text, "text/plain; charset=utf-8")
