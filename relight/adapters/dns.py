"""Record sets of Route 53. A change deletes exactly what was there and creates the new, in one batch: both or nothing."""

import time
from typing import Any

from relight.adapters.calls import Refused, call
from relight.errors import ActionMoved

RecordSet = dict[str, Any]
EVERY_SECONDS = 2.0
REFUSALS = {"InvalidChangeBatch", "InvalidInput"}


def find(zone: str, name: str, kind: str) -> list[RecordSet]:
    """The record sets of this name and type, as ``change`` takes them; several where a routing policy is at work."""
    answer = call(
        "route53",
        "list_resource_record_sets",
        HostedZoneId=zone,
        StartRecordName=name,
        StartRecordType=kind,
        MaxItems="2",
    )
    return [_plain(one) for one in answer["ResourceRecordSets"] if _named(one["Name"]) == name and one["Type"] == kind]


def change(zone: str, old: RecordSet | None, new: RecordSet | None) -> str:
    """The change's id. Raises ActionMoved when the record set is not exactly ``old`` (None: not there) at that moment."""
    changes = [{"Action": do, "ResourceRecordSet": one} for do, one in (("DELETE", old), ("CREATE", new)) if one]
    batch = {"Comment": "Relight", "Changes": changes}
    try:
        answer = call("route53", "change_resource_record_sets", REFUSALS, HostedZoneId=zone, ChangeBatch=batch)
    except Refused as refused:
        raise ActionMoved(
            f"hosted zone {zone}: {refused.message or refused.code}; nothing was changed; look there"
        ) from None
    return str(answer["ChangeInfo"]["Id"])


def everywhere(change_id: str, seconds: float) -> bool:
    """Whether every name server answers with the change by now; asked for at most so long."""
    until = time.monotonic() + seconds
    while call("route53", "get_change", Id=change_id)["ChangeInfo"]["Status"] != "INSYNC":
        if time.monotonic() > until:
            return False
        time.sleep(EVERY_SECONDS)
    return True


def _plain(found: RecordSet) -> RecordSet:
    """Always the same form of the same record set: names as they are configured, values in order."""
    plain = dict(found) | {"Name": _named(found["Name"])}
    if alias := found.get("AliasTarget"):
        plain["AliasTarget"] = {**alias, "DNSName": _named(alias["DNSName"])}
    if "ResourceRecords" in found:
        plain["ResourceRecords"] = sorted(found["ResourceRecords"], key=lambda one: str(one["Value"]))
        if not found["ResourceRecords"]:
            del plain["ResourceRecords"]
    return plain


def _named(name: str) -> str:
    return name.rstrip(".").lower().replace("\\052", "*")
