"""``route53``: one simple record set, replaced in one batch that goes through only where the former is still there."""

import json
from typing import Any

from relight.adapters import dns
from relight.adapters.notes import Note
from relight.errors import ActionFailed
from relight.model import canonical
from relight.promoteconfig import PromoteAction
from relight.promotion.kind import Scene, Seen, Swap, change

SETTLE_SECONDS = 20.0


def seen(scene: Scene, action: PromoteAction) -> Seen:
    before, after = _look(action), canonical(wanted(action)).decode()
    target = f"{action.type} {action.record} in {action.zone}"
    return Seen(target=target, before=before, after=after, told=change(words, before, after))


def wanted(action: PromoteAction) -> dns.RecordSet:
    named = {"Name": action.record, "Type": action.type}
    if alias := action.alias:
        points = {"HostedZoneId": alias.zone, "DNSName": alias.name, "EvaluateTargetHealth": alias.check}
        return {**named, "AliasTarget": points}
    return {**named, "TTL": action.ttl, "ResourceRecords": [{"Value": value} for value in sorted(action.values)]}


def words(content: str | None) -> str:
    if content is None:
        return "nothing"
    found: dict[str, Any] = json.loads(content)
    alias = found.get("AliasTarget")
    return f"alias {alias['DNSName']}" if alias else ", ".join(one["Value"] for one in found.get("ResourceRecords", []))


def _look(action: PromoteAction) -> str | None:
    found = dns.find(action.zone, action.record, action.type)
    if len(found) > 1 or any("SetIdentifier" in one for one in found):
        raise ActionFailed(
            f"{action.type} {action.record}: has a routing policy; only a simple record is moved; name another"
        )
    return canonical(found[0]).decode() if found else None


def _swap(note: Note, old: str | None, new: str | None) -> str:
    return dns.change(note.action.zone, _parsed(old), _parsed(new))


def _parsed(content: str | None) -> dns.RecordSet | None:
    return None if content is None else dict(json.loads(content))


RECORD = Swap(
    seen=seen,
    look=lambda note: _look(note.action),
    swap=_swap,
    words=words,
    settled=lambda receipt: dns.everywhere(receipt, SETTLE_SECONDS),
)
