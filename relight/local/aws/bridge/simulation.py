"""SimulatePrincipalPolicy for a role: each action on each resource, with the condition keys that the caller gives."""

from collections.abc import Callable, Iterator
from typing import Any

from relight.local.aws.bridge import patch, uses

uses(
    "core.iam_evaluator",
    evaluate="ctx policies limits",
    _gather_role_policies="role_name account_id",
    EvalContext="principal_arn principal_type principal_account action resource_arn region source_ip secure_transport "
    "request_tags tag_keys service_context principal_keys",
)
uses("services.iam", _roles=None, _IAM_HANDLERS=None, _p="params key default")
uses("services.iam", _xml="status root_tag inner ns", _error="status code message ns")
DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny"}


@patch("services.iam", "_simulate_principal_policy", "p", tables=("_IAM_HANDLERS",))
def simulate(original: Callable[..., Any], p: dict[str, Any]) -> Any:
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id
    from ministack.services import iam

    arn, account = str(iam._p(p, "PolicySourceArn")), get_account_id()
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind != "role":
        return original(p)
    if name not in iam._roles:
        return iam._error(404, "NoSuchEntity", f"The role with name {name} cannot be found.", ns="iam")
    policies, context = iam_evaluator._gather_role_policies(name, account), dict(_context(p))
    rows = ""
    for action in _members(p, "ActionNames"):
        for resource in list(_members(p, "ResourceArns")) or ["*"]:
            rows += _row(arn, account, action, resource, policies, context)
    inner = f"<EvaluationResults>{rows}</EvaluationResults><IsTruncated>false</IsTruncated>"
    result = f"<SimulatePrincipalPolicyResult>{inner}</SimulatePrincipalPolicyResult>"
    return iam._xml(200, "SimulatePrincipalPolicyResponse", result, ns="iam")


def _row(arn: str, account: str, action: str, resource: str, policies: Any, context: dict[str, Any]) -> str:
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_region

    asked = iam_evaluator.EvalContext(
        principal_arn=arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=context,
        principal_keys=context,
    )
    decision = DECISIONS.get(iam_evaluator.evaluate(asked, policies).decision, "implicitDeny")
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision></member>"
    )


def _members(p: dict[str, Any], name: str) -> Iterator[str]:
    from ministack.services import iam

    number = 1
    while found := iam._p(p, f"{name}.member.{number}"):
        yield str(found)
        number += 1


def _context(p: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys in lower case, as the evaluator looks them up; a list where the caller says that it is one."""
    from ministack.services import iam

    number = 1
    while key := iam._p(p, f"ContextEntries.member.{number}.ContextKeyName"):
        values = list(_members(p, f"ContextEntries.member.{number}.ContextKeyValues"))
        many = str(iam._p(p, f"ContextEntries.member.{number}.ContextKeyType")).endswith("List")
        yield str(key).lower(), values if many or len(values) != 1 else values[0]
        number += 1
