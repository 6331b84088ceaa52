"""Functions that a person asks directly."""

import json
from typing import Any

from relight.adapters.calls import Refused, call
from relight.errors import DeploymentNotFound, ServiceUnavailable

DEPLOY = "deploy this version (docs/deploy.md)"


def ask(deployment: str, name: str, event: dict[str, Any]) -> Any:
    """The function's answer. Raises DeploymentNotFound, and ServiceUnavailable with its own words when it fails."""
    payload = json.dumps(event).encode()
    try:
        answer = call(
            "lambda", "invoke", {"ResourceNotFoundException"}, FunctionName=f"{deployment}-{name}", Payload=payload
        )
    except Refused:
        raise DeploymentNotFound(f"deployment {deployment}", f"has no function {name}", DEPLOY) from None
    said = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        why = (said or {}).get("errorMessage", "no message")
        raise ServiceUnavailable(f"function {name}: failed ({why}); see its log, /aws/lambda/{deployment}-{name}")
    return said
