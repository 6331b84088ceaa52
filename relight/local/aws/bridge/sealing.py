"""KMS: the encryption context of a request (``kms:EncryptionContext:app``), which a policy may bind to an app."""

import json
from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch


@patch("core.iam_actions", "request_tag_context", "service iam_action body params")
def with_encryption_context(original: Callable[..., Any], service: str, action: str, body: bytes, *rest: Any) -> Any:
    context = original(service, action, body, *rest)
    return {**context, **encryption_context(body)} if service == "kms" else context


def encryption_context(body: bytes) -> dict[str, str]:
    """The condition keys of what the request is bound to."""
    try:
        given = json.loads(body or b"{}").get("EncryptionContext") or {}
        return {f"kms:EncryptionContext:{key}": str(value) for key, value in given.items()}
    except (ValueError, AttributeError):
        return {}
