"""Whether EC2 would launch a runner now: quota, what each zone offers, and what the launch template boots."""

from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from relight.adapters.calls import Refused, call, pages

STANDARD_VCPUS = {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}  # Running On-Demand Standard instances
COUNTED = ("pending", "running")


@dataclass(frozen=True, slots=True)
class Running:
    """``vcpus``: None where EC2 does not say."""

    instance_type: str
    vcpus: int | None


@dataclass(frozen=True, slots=True)
class Boot:
    """What the launch template's latest version boots with. ``disk_gib``: of its largest volume."""

    user_data: str
    disk_gib: int


def vcpu_quota() -> int:
    """vCPUs that the account may run as On-Demand Standard instances; AWS's default where it has no value of its own."""
    try:
        found = call("service-quotas", "get_service_quota", {"NoSuchResourceException"}, **STANDARD_VCPUS)
    except Refused:
        found = call("service-quotas", "get_aws_default_service_quota", **STANDARD_VCPUS)
    return int(found["Quota"]["Value"])


def running() -> Iterator[Running]:
    """Every On-Demand instance of the region that counts towards a quota; Spot has quotas of its own."""
    states = [{"Name": "instance-state-name", "Values": list(COUNTED)}]
    for group in pages("ec2", "describe_instances", "Reservations", Filters=states):
        for one in group["Instances"]:
            if one.get("InstanceLifecycle") != "spot":
                yield Running(one["InstanceType"], _vcpus(one.get("CpuOptions") or {}))


def _vcpus(options: dict[str, Any]) -> int | None:
    return options["CoreCount"] * options["ThreadsPerCore"] if "CoreCount" in options else None


def zones(subnets: Sequence[str]) -> tuple[str, ...]:
    """The zones of those of the subnets that are there."""
    wanted = [{"Name": "subnet-id", "Values": list(subnets)}]
    return tuple(sorted({one["AvailabilityZone"] for one in pages("ec2", "describe_subnets", "Subnets", Filters=wanted)}))


def offered(types: Sequence[str]) -> frozenset[tuple[str, str]]:
    """(instance type, zone) for each zone of the region that offers one of the types."""
    wanted = [{"Name": "instance-type", "Values": list(types)}]
    where = {"LocationType": "availability-zone", "Filters": wanted}
    rows = pages("ec2", "describe_instance_type_offerings", "InstanceTypeOfferings", **where)
    return frozenset((one["InstanceType"], one["Location"]) for one in rows)


def boot(template: str) -> Boot:
    """``template``: its id. Raises AwsRefused where it is gone."""
    answer = call("ec2", "describe_launch_template_versions", LaunchTemplateId=template, Versions=["$Latest"])
    data = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    sizes = [int((row.get("Ebs") or {}).get("VolumeSize", 0)) for row in data.get("BlockDeviceMappings", [])]
    return Boot(user_data=b64decode(data.get("UserData", "")).decode(), disk_gib=max(sizes, default=0))
