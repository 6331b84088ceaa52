"""``http``: the restored app answers, asked through the API server's proxy and never at a public address.

An app that is still starting has the whole deadline to answer as expected. Then one that answers otherwise has FAILED, and
one that was never reached TIMED_OUT.
"""

import hashlib
import json
from typing import Any

from relight.adapters.kube_proxy import Answered
from relight.config import Validator
from relight.errors import RelightError, RetryableError
from relight.model import Verdict
from relight.recovery.patience import Deadline, poll
from relight.recovery.validators.context import Finding, ValidationContext

NO_SUCH_SERVICE = 404


def check(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    last: list[Answered | RelightError] = []

    def ask() -> Answered | None:
        try:
            answered = context.cluster.proxy(context.namespace, validator.service or "", validator.path or "/")
        except RetryableError as error:
            last[:] = [error]
            return None
        last[:] = [answered]
        return answered if fault(answered, validator) is None else None

    good = poll(ask, deadline)
    if good is not None:
        return Finding(Verdict.PASSED, f"{_where(validator)} answers {good.status} as expected", _evidence(good))
    if isinstance(last[0], RelightError):
        return Finding(Verdict.COULD_NOT_VERIFY, f"the API server could not be asked: {type(last[0]).__name__}: {last[0]}")
    verdict = Verdict.TIMED_OUT if _from_the_api(last[0]) and last[0].status != NO_SUCH_SERVICE else Verdict.FAILED
    said = f"{_where(validator)} {fault(last[0], validator)}, after {validator.deadline} s of asking"
    return Finding(verdict, said, _evidence(last[0]))


def fault(answered: Answered, validator: Validator) -> str | None:
    """What is wrong with an answer; None where it is as expected."""
    if said := _from_the_api(answered):
        return f"was not reached: {said}"
    if answered.status != validator.status:
        return f"answers {answered.status} instead of {validator.status}"
    if validator.expect and validator.expect not in answered.body.decode("utf-8", "replace"):
        return f"answers {answered.status}, without {validator.expect!r}"
    return None


def _from_the_api(answered: Answered) -> str:
    """The API server's own words, when it could not reach the app; empty for an answer of the app."""
    try:
        said = json.loads(answered.body) if answered.status >= 400 else {}
    except ValueError:
        return ""
    ours = isinstance(said, dict) and said.get("kind") == "Status" and said.get("apiVersion") == "v1"
    return str(said.get("message") or said.get("reason") or "no reason given")[:300] if ours else ""


def _where(validator: Validator) -> str:
    return f"Service {validator.service} at {validator.path or '/'}"


def _evidence(answered: Answered) -> dict[str, Any]:
    """Facts of the body and not the body: it is the app's data."""
    digest = hashlib.sha256(answered.body).hexdigest()
    return {"status": answered.status, "bytes": len(answered.body), "sha256": digest}
