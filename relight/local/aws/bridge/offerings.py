"""Which instance types a region offers: here, each that is asked for."""

from typing import Any

from relight.local.aws.bridge import add, uses

uses("services.ec2", _parse_filters="params", _xml="status root_tag inner")


@add("services.ec2", "_ACTION_MAP", "DescribeInstanceTypeOfferings")
def describe_offerings(p: dict[str, Any]) -> Any:
    from ministack.core.responses import get_region
    from ministack.services import ec2

    region = get_region()
    rows = "".join(
        f"<item><instanceType>{kind}</instanceType><locationType>region</locationType><location>{region}</location></item>"
        for kind in ec2._parse_filters(p).get("instance-type", [])
    )
    return ec2._xml(
        200, "DescribeInstanceTypeOfferingsResponse", f"<instanceTypeOfferingSet>{rows}</instanceTypeOfferingSet>"
    )
