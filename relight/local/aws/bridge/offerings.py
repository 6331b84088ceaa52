"""Which instance types a region and its zones offer: here, each that is asked for."""

from typing import Any

from relight.local.aws.bridge import add, uses

uses("services.ec2", _parse_filters="params", _xml="status root_tag inner", _p="params key default", _subnets=None)


@add("services.ec2", "_ACTION_MAP", "DescribeInstanceTypeOfferings")
def describe_offerings(p: dict[str, Any]) -> Any:
    from ministack.services import ec2

    location = ec2._p(p, "LocationType") or "region"
    rows = "".join(
        f"<item><instanceType>{kind}</instanceType><locationType>{location}</locationType><location>{place}</location></item>"
        for kind in ec2._parse_filters(p).get("instance-type", [])
        for place in _places(location)
    )
    return ec2._xml(
        200, "DescribeInstanceTypeOfferingsResponse", f"<instanceTypeOfferingSet>{rows}</instanceTypeOfferingSet>"
    )


def _places(location: str) -> list[str]:
    from ministack.core.responses import get_region
    from ministack.services import ec2

    if location != "availability-zone":
        return [get_region()]
    return sorted({subnet["AvailabilityZone"] for subnet in ec2._subnets.values()})
