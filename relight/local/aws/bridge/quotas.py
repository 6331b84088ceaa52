"""Service Quotas, as far as a launch is about them: how many vCPUs of On-Demand Standard instances may run."""

import json
from pathlib import Path
from typing import Any

from relight.local.aws.bridge import TARGETS, Addition, add

STANDARD = "L-1216C47A"
DEFAULT = 32.0
path: Path | None = None  # set by the process that serves: a file with another number, for rehearsals

# The JSON protocol's target, and the prefix of its IAM actions.
TARGETS.append(
    Addition("ministack.core.router", "SERVICE_PATTERNS", "servicequotas", {"target_prefixes": ["ServiceQuotasV20190624"]})
)
TARGETS.append(Addition("ministack.core.iam_actions", "SERVICE_TO_IAM_NAMESPACE", "servicequotas", "servicequotas"))


@add("app", "SERVICE_HANDLERS", "servicequotas")
async def serve(
    method: str, path: str, headers: dict[str, str], body: bytes, query: Any
) -> tuple[int, dict[str, str], bytes]:
    asked = json.loads(body or b"{}")
    if headers.get("x-amz-target", "").rpartition(".")[2] not in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
        return _answer(400, {"__type": "IllegalArgumentException", "message": "the embedded engine only tells quotas"})
    if (asked.get("ServiceCode"), asked.get("QuotaCode")) != ("ec2", STANDARD):
        return _answer(400, {"__type": "NoSuchResourceException", "message": "the embedded engine knows no such quota"})
    name = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
    quota = {"ServiceCode": "ec2", "QuotaCode": STANDARD, "QuotaName": name, "Value": _value(), "Adjustable": True}
    return _answer(200, {"Quota": quota})


def _value() -> float:
    return float(path.read_text(encoding="utf-8")) if path and path.exists() else DEFAULT


def _answer(status: int, document: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()
