"""What watches an app and who hears of it, as it stands: triggers, subscribers, dead letters; and how clocks differ."""

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from relight.adapters.aws import client, translated
from relight.adapters.calls import Refused, call, pages
from relight.adapters.triggers import arming_of
from relight.model import Arming

CONFIRMED = "arn:"  # a subscription's ARN; the others say that they wait, or were deleted
LEFT = "Deleted"


@dataclass(frozen=True, slots=True)
class Armed:
    """``armed``: None where there is no such trigger. ``arming``: of an armed alarm's rule, where it is known."""

    name: str
    armed: bool | None
    arming: Arming | None = None


def armed(deployment: str, app: str) -> tuple[Armed, ...]:
    """The app's alarm rule and its drill schedule."""
    rule, schedule = f"{deployment}-{app}-alarm", f"{deployment}-{app}-drill"
    asked = (("events", "describe_rule", rule), ("scheduler", "get_schedule", schedule))
    return tuple(_armed(service, operation, name) for service, operation, name in asked)


def starts_incidents(deployment: str, app: str) -> bool:
    """Whether the app's alarm would start a recovery."""
    rule = _found("events", "describe_rule", f"{deployment}-{app}-alarm")
    return rule is not None and rule["State"] == "ENABLED"


def _armed(service: str, operation: str, name: str) -> Armed:
    found = _found(service, operation, name)
    if found is None:
        return Armed(name, None)
    return Armed(name, found["State"] == "ENABLED", arming_of(found) if service == "events" else None)


def _found(service: str, operation: str, name: str) -> dict[str, Any] | None:
    try:
        return call(service, operation, {"ResourceNotFoundException"}, Name=name)
    except Refused:
        return None


def subscriptions(topic: str) -> tuple[int, int]:
    """How many have confirmed, and how many have not yet."""
    rows = pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic)
    arns = [one["SubscriptionArn"] for one in rows if one["SubscriptionArn"] != LEFT]
    confirmed = sum(arn.startswith(CONFIRMED) for arn in arns)
    return confirmed, len(arns) - confirmed


def waiting(queue: str) -> int:
    """Messages in the queue of that name, about."""
    url = call("sqs", "get_queue_url", QueueName=queue)["QueueUrl"]
    wanted = "ApproximateNumberOfMessages"
    return int(call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=[wanted])["Attributes"][wanted])


def skew(bucket: str) -> float:
    """Seconds that this clock is ahead of S3's, give or take the second that its answers are cut to."""
    with translated("ask S3 for the time"):
        before = time.time()
        answer = client("s3").list_objects_v2(Bucket=bucket, MaxKeys=1)
        there = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
        return round((before + time.time()) / 2 - there, 1)
