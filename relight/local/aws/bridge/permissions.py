"""IAM as AWS checks it, and the record of every call: who, which action, on what, allowed or not."""

import contextvars
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from relight.local.aws.bridge import patch, uses

uses(
    "core.iam_evaluator",
    _resolve_condition_key="key ctx",
    ParsedStatement="sid effect actions not_actions resources not_resources conditions",
    resolve_principal="access_key_id account_id credential",
    EvalResult="decision principal_arn matched_sid reason resource_policy_arn",
)
uses("services.iam", _roles=None)
uses("services.sts", register_session="access_key session")

record_to: Path | None = None  # set by the process that serves
_write = threading.Lock()
_request: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("parameters", default={})  # noqa: B039 (never mutated)

VARIABLE = re.compile(r"\$\{([^}*?$]+)\}")
Check = tuple[str, str, dict[str, Any]]  # action, resource, context keys


@patch("core.iam_actions", "extract_resource_arn", "service method path headers body query_params region account_id")
def keep_parameters(
    original: Callable[..., Any], service: str, method: str, path: str, headers: Any, body: Any, params: Any, *rest: Any
) -> str:
    """Runs right before ``enforce``, which does not get the request's parameters."""
    _request.set(dict(params))
    if service == "ssm" and b'"Path"' in (body or b""):  # GetParametersByPath is about the path, not about everything
        region, account = rest
        return f"arn:aws:ssm:{region}:{account}:parameter{json.loads(body)['Path'].rstrip('/')}"
    if service == "iam" and params.get("PolicySourceArn"):  # a simulation is about the role that it simulates
        return str(params["PolicySourceArn"][0])
    if service == "route53" and "/change/" in path:  # GetChange is about the change
        return f"arn:aws:route53:::change/{path.rpartition('/')[2]}"
    found = str(original(service, method, path, headers, body, params, *rest))
    found = _from_body(service, body, *rest) if found == "*" and service in BODIES else found
    return found.replace(":rule/default/", ":rule/") if service == "events" else found  # AWS leaves the default bus out


BODIES = {  # what MiniStack finds no resource in: the fields that name it, and how
    "events": "{ResourceARN}",
    "servicequotas": "arn:aws:servicequotas:{region}:{account}:{ServiceCode}/{QuotaCode}",
}


def _from_body(service: str, body: bytes, region: str, account: str) -> str:
    try:
        return BODIES[service].format(region=region, account=account, **json.loads(body or b"{}"))
    except (KeyError, ValueError):
        return "*"


@patch("core.iam_evaluator", "enforce", "access_key_id iam_action service region resource_arn service_context")
def enforce(
    original: Callable[..., Any], key: str, action: str, service: str, region: str,
    resource_arn: str = "*", service_context: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    denied = None
    for checked, resource, context in _checks(action, region, resource_arn, service_context or {}):
        denied = original(key, checked, service, region, resource_arn=resource, service_context=context)
        _record(key, checked, resource, context, denied)
        if denied:
            break
    return denied


@patch("core.iam_evaluator", "_resolve_condition_key", "key ctx")
def over_tls(original: Callable[..., Any], key: str, ctx: Any) -> Any:
    """Loopback stands in for TLS: policies that refuse plain HTTP (aws:SecureTransport) are not about this machine."""
    return "true" if key.lower() == "aws:securetransport" else original(key, ctx)


@patch("core.iam_evaluator", "_first_match", "ctx stmts effect")
def with_variables(original: Callable[..., Any], ctx: Any, statements: list[Any], effect: str) -> Any:
    """Policies may name the caller: ${aws:userid}, ${aws:PrincipalTag/team}."""
    return original(ctx, [_filled(statement, ctx) for statement in statements], effect)


def _filled(statement: Any, ctx: Any) -> Any:
    from ministack.core import iam_evaluator

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            # A variable without a value matches nothing.
            return VARIABLE.sub(lambda found: str(iam_evaluator._resolve_condition_key(found[1], ctx) or "\0"), value)
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return [fill(item) for item in value] if isinstance(value, list) else value

    if "${" not in repr(statement):
        return statement
    return replace(statement, resources=fill(statement.resources), conditions=fill(statement.conditions))


def refusal(role_arn: str, session: str, action: str, resource: str) -> str | None:
    """Whether a service may do this as ``role_arn`` (its calls never pass the front door): None, or why not."""
    from ministack.core import iam_evaluator, responses
    from ministack.services import sts

    digest = hashlib.sha256(f"{role_arn} {session}".encode()).hexdigest()
    key, role, account = f"ASIA{digest[:16].upper()}", role_arn.rpartition("/")[2], role_arn.split(":")[4]
    arn = f"arn:aws:sts::{account}:assumed-role/{role}/{session}"
    sts.register_session(key, {"Arn": arn, "UserId": f"{role}:{session}", "SecretAccessKey": digest, "SessionToken": digest})
    service, region = action.partition(":")[0], responses.get_region()
    denied = contextvars.Context().run(iam_evaluator.enforce, key, action, service, region, resource_arn=resource)
    return f"User: {arn} is not authorized to perform: {action} on resource: {resource}" if denied else None


def _checks(action: str, region: str, resource: str, context: dict[str, Any]) -> Iterator[Check]:
    """What AWS authorizes for one call; for most it is the call itself."""
    from ministack.core.responses import get_account_id

    if action == "ec2:RunInstances":
        yield from _run_instances(region, context)
    elif action.startswith("ec2:Describe"):
        yield action, "*", context  # EC2's Describe actions know no resource
    elif action.startswith("ec2:") and (ids := _named_instances()):
        arn = f"arn:aws:ec2:{region}:{get_account_id()}:instance"
        yield from ((action, f"{arn}/{iid}", {**context, **_tags(iid)}) for iid in ids)
    else:
        yield action, resource, context


def _named_instances() -> list[str]:
    found = [value[0] for key, value in _request.get().items() if key.startswith(("InstanceId", "ResourceId"))]
    return [name for name in found if name.startswith("i-")]


def _tags(iid: str) -> dict[str, str]:
    from ministack.services import ec2

    tags = {tag["Key"]: tag["Value"] for tag in ec2._tags.get(iid, [])}
    return {f"{service}:ResourceTag/{key}": value for key, value in tags.items() for service in ("aws", "ec2")}


def _run_instances(region: str, context: dict[str, Any]) -> Iterator[Check]:
    from ministack.core.responses import get_account_id

    from relight.local.aws.bridge.launching import launch_data

    params = _request.get()
    try:
        data = launch_data(params)
    except LookupError:
        data = {"TagSpecifications": []}
    arn = f"arn:aws:ec2:{region}:{get_account_id()}"
    template = _template_arn(params, arn)
    launched = {"ec2:InstanceType": data.get("InstanceType"), "ec2:LaunchTemplate": template}
    tokens = (data.get("MetadataOptions") or {}).get("HttpTokens")
    about = {**context, **{k: v for k, v in {**launched, "ec2:MetadataHttpTokens": tokens}.items() if v}}
    tagged = {row["ResourceType"]: row["Tags"] for row in data["TagSpecifications"]}
    for row in _resources(data, arn, template):
        yield "ec2:RunInstances", row, {**about, **_requested(tagged.get(row.rpartition(":")[2].split("/")[0], {}))}
    for row in data["TagSpecifications"]:
        more = {**_requested(row["Tags"]), "ec2:CreateAction": "RunInstances"}
        yield "ec2:CreateTags", f"{arn}:{row['ResourceType']}/*", {**context, **more}
    if role := _role_arn(data):
        yield "iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"}


def _requested(tags: dict[str, str]) -> dict[str, Any]:
    """The condition keys of tags that are given with the request."""
    return {**{f"aws:RequestTag/{key}": value for key, value in tags.items()}, "aws:TagKeys": list(tags)} if tags else {}


def _resources(data: dict[str, Any], arn: str, template: str | None) -> list[str]:
    interfaces = data.get("NetworkInterfaces") or []
    subnets = [data["SubnetId"]] if data.get("SubnetId") else [n["SubnetId"] for n in interfaces if n.get("SubnetId")]
    groups = data.get("SecurityGroupIds") or [group for n in interfaces for group in n.get("Groups") or []]
    image = [f"{arn.rpartition(':')[0]}::image/{data['ImageId']}"] if data.get("ImageId") else []
    return [
        f"{arn}:instance/*", f"{arn}:volume/*", f"{arn}:network-interface/*", *image,
        *(f"{arn}:subnet/{subnet}" for subnet in subnets), *(f"{arn}:security-group/{group}" for group in groups),
        *([template] if template else []),
    ]  # fmt: skip


def _template_arn(params: dict[str, Any], arn: str) -> str | None:
    from ministack.services import ec2

    given = ec2._p(params, "LaunchTemplate.LaunchTemplateId"), ec2._p(params, "LaunchTemplate.LaunchTemplateName")
    for template in ec2._launch_templates.values():
        if template["LaunchTemplateId"] == given[0] or template["LaunchTemplateName"] == given[1]:
            return f"{arn}:launch-template/{template['LaunchTemplateId']}"
    return None


def _role_arn(data: dict[str, Any]) -> str | None:
    from ministack.services import iam

    given = data.get("IamInstanceProfile") or {}
    profile = iam._lookup_instance_profile(name=given.get("Name", ""), arn=given.get("Arn", "")) if given else None
    names = [role["RoleName"] if isinstance(role, dict) else role for role in (profile or {}).get("Roles") or []]
    return str(iam._roles[names[0]]["Arn"]) if names else None


def _record(key: str, action: str, resource: str, context: dict[str, Any], denied: Any) -> None:
    """One line a check: at, principal (an assumed role names its function or instance last), action, resource, allowed."""
    if record_to is None:
        return
    line = {
        "at": round(time.time(), 3),
        "principal": _principal(key, denied),
        "action": action,
        "resource": resource,
        "allowed": denied is None,
        "context": {name: value for name, value in context.items() if isinstance(value, str | list)},
    }
    with _write, record_to.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _principal(key: str, denied: Any) -> str:
    from ministack.core.iam_evaluator import resolve_caller_identity

    found = getattr(denied, "principal_arn", "") or (resolve_caller_identity(key) or {}).get("userArn", "")
    return str(found or "anonymous")
