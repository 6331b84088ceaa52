"""What RunInstances launches: the request over its launch template, images by parameter, tags merged."""

import hashlib
from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch, uses

FLAT = ("ImageId", "InstanceType", "UserData", "SubnetId")

uses("services.ec2", _launch_templates=None, _p="params key default", _parse_lt_data="params prefix")
uses("services.ssm", _select_parameter="name_or_arn")


def launch_data(p: dict[str, Any]) -> dict[str, Any]:
    """What the request and its launch template say together; the request wins. Raises LookupError ("Code: message")."""
    from ministack.services import ec2

    request = ec2._parse_lt_data({f"LaunchTemplateData.{key}": value for key, value in p.items()})
    for name in ("SubnetId", "Placement.AvailabilityZone"):
        if value := ec2._p(p, name):
            request[name] = value
    template = _template(p)
    data = {**template, **request}
    data["TagSpecifications"] = _merge_tags(template, request)
    data["ImageId"] = _image(str(data.get("ImageId") or ""))
    return data


def _template(p: dict[str, Any]) -> dict[str, Any]:
    from ministack.services import ec2

    given = ec2._p(p, "LaunchTemplate.LaunchTemplateId"), ec2._p(p, "LaunchTemplate.LaunchTemplateName")
    if not any(given):
        return {}
    for template in ec2._launch_templates.values():
        if given[0] == template["LaunchTemplateId"] or given[1] == template["LaunchTemplateName"]:
            break
    else:
        raise LookupError(f"InvalidLaunchTemplateId.NotFound: The launch template {given[0] or given[1]} does not exist")
    asked = ec2._p(p, "LaunchTemplate.Version") or "$Default"
    latest = max(v["VersionNumber"] for v in template["Versions"])
    number = {"$Default": template["DefaultVersionNumber"], "$Latest": latest}.get(asked, asked)
    for version in template["Versions"]:
        if str(version["VersionNumber"]) == str(number):
            return dict(version["LaunchTemplateData"])
    raise LookupError(f"InvalidLaunchTemplateId.VersionNotFound: The launch template has no version {asked}")


def _merge_tags(*sources: dict[str, Any]) -> list[dict[str, Any]]:
    kinds: dict[str, dict[str, str]] = {}
    for source in sources:
        for row in source.get("TagSpecifications") or []:
            kinds.setdefault(row["ResourceType"], {}).update({tag["Key"]: tag["Value"] for tag in row.get("Tags") or []})
    return [{"ResourceType": kind, "Tags": tags} for kind, tags in kinds.items()]


def _image(image: str) -> str:
    from ministack.services import ssm

    if not image.startswith("resolve:ssm:"):
        return image
    name = image.removeprefix("resolve:ssm:")
    parameter, _ = ssm._select_parameter(name)
    if parameter is None:
        raise LookupError(f"InvalidParameterValue: The SSM parameter {name} of the image does not exist")
    return str(parameter["Value"])


@patch("services.ssm", "_public_parameter", "name")
def public_image(original: Callable[..., Any], name: str) -> Any:
    """AWS and Canonical publish the ids of their images as parameters; here each has one of its own."""
    if found := original(name):
        return found
    if not str(name).startswith("/aws/service/") or "/ami-id" not in str(name):
        return None
    from ministack.core.responses import get_region

    image = f"ami-{hashlib.sha256(name.encode()).hexdigest()[:17]}"
    arn = f"arn:aws:ssm:{get_region()}::parameter{name}"
    return {"Name": name, "Type": "String", "Value": image, "Version": 1, "LastModifiedDate": 1728518400, "ARN": arn}


def flatten(p: dict[str, Any], launch: dict[str, Any]) -> dict[str, Any]:
    """The launch data as the request parameters that MiniStack reads."""
    flat = {key: value for key, value in p.items() if not key.startswith(("TagSpecification.", "SecurityGroupId."))}
    flat |= {name: [str(launch[name])] for name in FLAT if launch.get(name)}
    groups = launch.get("SecurityGroupIds") or [
        g for n in launch.get("NetworkInterfaces") or [] for g in n.get("Groups") or []
    ]
    flat |= {f"SecurityGroupId.{i}": [group] for i, group in enumerate(groups, 1)}
    flat |= {f"IamInstanceProfile.{key}": [value] for key, value in (launch.get("IamInstanceProfile") or {}).items()}
    for i, row in enumerate(launch["TagSpecifications"], 1):
        flat[f"TagSpecification.{i}.ResourceType"] = [row["ResourceType"]]
        for j, (key, value) in enumerate(row["Tags"].items(), 1):
            flat |= {f"TagSpecification.{i}.Tag.{j}.Key": [key], f"TagSpecification.{i}.Tag.{j}.Value": [value]}
    return flat
