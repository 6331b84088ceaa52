"""Runners as EC2 instances: launched once per client token, found by tags alone, terminated, extended."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relight.adapters.calls import Refused, call
from relight.errors import CapacityUnavailable, Conflict, RelightError
from relight.model import Tag, timestamp

# "Not here, not now": the next rung of the ladder may have what this one lacks.
NO_CAPACITY = {
    "InsufficientInstanceCapacity",
    "InsufficientCapacity",
    "InsufficientHostCapacity",
    "InsufficientFreeAddressesInSubnet",
    "InstanceLimitExceeded",
    "VcpuLimitExceeded",
    "MaxSpotInstanceCountExceeded",
    "Unsupported",
    "UnsupportedOperation",
    "InvalidInstanceType",
}
LAUNCHED_BEFORE = {"IdempotentParameterMismatch"}
GONE = {"InvalidInstanceID.NotFound", "InvalidInstanceID"}
LIVE = ("pending", "running", "stopping", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A runner as EC2 shows it. ``state``: pending, running, shutting-down, ..."""

    instance_id: str
    instance_type: str
    zone: str
    state: str
    launched_at: str
    tags: dict[str, str]

    @property
    def live(self) -> bool:
        """False as soon as it is on its way out."""
        return self.state in LIVE

    @property
    def expires_at(self) -> int | None:
        """Epoch seconds, or None when the tag is missing or not a number."""
        text = self.tags.get(Tag.EXPIRES, "")
        return int(text) if text.isdigit() else None


class Compute:
    def launch(self, template: str, *, instance_type: str, subnet: str, tags: dict[str, str], client_token: str) -> Instance:
        """One instance from the launch template. The same ``client_token`` (at most 64 characters) launches no second one.

        Raises CapacityUnavailable when this type cannot be had in this subnet, and Conflict when the token has launched one
        with other tags, which EC2 does not show yet.
        """
        try:
            answer = call(
                "ec2",
                "run_instances",
                NO_CAPACITY | LAUNCHED_BEFORE,
                LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
                InstanceType=instance_type,
                SubnetId=subnet,
                MinCount=1,
                MaxCount=1,
                ClientToken=client_token,
                TagSpecifications=[{"ResourceType": kind, "Tags": _tags(tags)} for kind in ("instance", "volume")],
            )
        except Refused as refused:
            if refused.code in LAUNCHED_BEFORE:
                raise Conflict(f"launch {client_token}: an earlier try has launched it; looking for it again") from None
            raise CapacityUnavailable(
                f"{instance_type} in {subnet}: {refused.code}: {refused.message}; the next rung of the ladder is tried"
            ) from None
        return _instance(answer["Instances"][0])

    def find(self, tags: dict[str, str]) -> list[Instance]:
        """Instances with all of these tags that are not terminated; an empty value matches any."""
        filters = [_filter(name, value) for name, value in tags.items()]
        states = {"Name": "instance-state-name", "Values": [*LIVE, "shutting-down"]}
        found: list[Instance] = []
        request: dict[str, Any] = {"Filters": [*filters, states]}
        while True:
            answer = call("ec2", "describe_instances", **request)
            found += [_instance(one) for group in answer["Reservations"] for one in group["Instances"]]
            if not answer.get("NextToken"):
                return found
            request["NextToken"] = answer["NextToken"]

    def offered(self, types: list[str]) -> set[str]:
        """Those of the instance types that the region has at all."""
        filters = [{"Name": "instance-type", "Values": types}]
        answer = call("ec2", "describe_instance_type_offerings", LocationType="region", Filters=filters)
        return {one["InstanceType"] for one in answer["InstanceTypeOfferings"]}

    def terminate(self, ids: list[str]) -> None:
        """Idempotent: an instance that is gone is no error. One that cannot be ended does not spare the others.

        Raises the first refusal, once all have been tried.
        """
        refusals = [refusal for instance_id in ids if (refusal := self._refusal(instance_id))]
        if refusals:
            raise refusals[0]

    def set_tags(self, instance_id: str, tags: dict[str, str]) -> None:
        """Overwrites tags: a new expiry, or a new run that takes over a held runner."""
        self._unless_gone("create_tags", Resources=[instance_id], Tags=_tags(tags))

    def set_expiry(self, instance_id: str, expires_at: int) -> None:
        """``expires_at``: epoch seconds; the reaper and the dead man's switch go by it."""
        self.set_tags(instance_id, {Tag.EXPIRES: str(expires_at)})

    def _refusal(self, instance_id: str) -> RelightError | None:
        try:
            self._unless_gone("terminate_instances", InstanceIds=[instance_id])
        except RelightError as error:
            return error
        return None

    def _unless_gone(self, operation: str, **arguments: Any) -> None:
        try:
            call("ec2", operation, GONE, **arguments)
        except Refused:
            return


def client_token(run_id: str, rung: int) -> str:
    """At most 64 characters, the same for the same run and rung, different for any other."""
    plain = f"{run_id}-r{rung}"
    return plain if len(plain) <= 64 else f"{hashlib.sha256(run_id.encode()).hexdigest()[:56]}-r{rung}"


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": str(name), "Value": value} for name, value in tags.items()]


def _filter(name: str, value: str) -> dict[str, Any]:
    return {"Name": f"tag:{name}", "Values": [value]} if value else {"Name": "tag-key", "Values": [str(name)]}


def _instance(raw: dict[str, Any]) -> Instance:
    launched = raw.get("LaunchTime") or datetime.now(UTC)
    return Instance(
        instance_id=raw["InstanceId"],
        instance_type=raw["InstanceType"],
        zone=raw.get("Placement", {}).get("AvailabilityZone", ""),
        state=raw["State"]["Name"],
        launched_at=launched if isinstance(launched, str) else timestamp(launched),
        tags={tag["Key"]: tag["Value"] for tag in raw.get("Tags", [])},
    )
