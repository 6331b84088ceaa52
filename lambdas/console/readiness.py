"""Whether a recovery would work, as it was last checked."""

from typing import Any

from lambdas.console.desk import Call, Desk
from relight.adapters import parameters
from relight.adapters.s3 import S3
from relight.errors import NotChecked
from relight.readiness.kept import latest


def shown(desk: Desk, call: Call) -> dict[str, Any]:
    """The document that the last check wrote. Raises UnknownApp, NotChecked."""
    app = parameters.app(call.app)
    found = latest(S3(), desk.settings.evidence_bucket, app.name)
    if found is None:
        raise NotChecked(f"app {app.name}", "has not been checked yet", "relight check does it now")
    return found
