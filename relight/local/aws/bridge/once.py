"""S3: the condition of a write (``s3:if-none-match``, ``s3:if-match``), which a bucket's policy may insist on."""

from collections.abc import Callable, Mapping
from typing import Any

from relight.local.aws.bridge import patch

CONDITIONS = ("if-none-match", "if-match")


@patch("core.iam_actions", "_s3_object_context", "iam_action query_params path headers")
def with_conditions(
    original: Callable[..., Any], iam_action: str, query: dict[str, Any], path: str, headers: Mapping[str, str]
) -> Any:
    named = {name.lower(): value for name, value in headers.items()}
    asked = {f"s3:{name}": named[name] for name in CONDITIONS if name in named}
    return {**original(iam_action, query, path, headers), **asked}
