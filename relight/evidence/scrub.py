"""Nothing secret leaves in a receipt, a report or a log line."""

import re
from collections.abc import Iterable
from typing import Any

REMOVED = "[removed]"
SECRET_NAME = re.compile(
    r"(^|_|-)(token|secret|password|passwd|credentials?|authorization|api_?key|private_?key)s?$", re.IGNORECASE
)
# AWS key ids, JSON web tokens, PEM private keys, and the long unbroken base64 of a Step Functions task token
SECRET_VALUE = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"
    r"|\bA[QA][A-Za-z0-9+/]{150,}={0,2}",
    re.DOTALL,
)


def scrub(value: Any, secrets: Iterable[str] = ()) -> Any:
    """A copy of a JSON value without secrets: named like one, shaped like one, or one of ``secrets`` (exact, anywhere)."""
    known = tuple(secret for secret in secrets if secret)
    return _scrub(value, known)


def _scrub(value: Any, known: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {k: REMOVED if v and SECRET_NAME.search(str(k)) else _scrub(v, known) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub(item, known) for item in value]
    return _scrub_text(value, known) if isinstance(value, str) else value


def _scrub_text(text: str, known: tuple[str, ...]) -> str:
    for secret in known:
        text = text.replace(secret, REMOVED)
    return SECRET_VALUE.sub(REMOVED, text)
