"""One AWS call: its expected refusals by code, every other error as one of ours."""

from collections.abc import Collection, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from relight.adapters.aws import client, translate, translated

# EC2 says "no capacity" with status 500, which the SDK would retry on every rung; the ladder knows better. A function
# that was not heard in time is still at work: asking again would start it again.
ONCE = {("ec2", "run_instances"), ("lambda", "invoke")}


class Refused(Exception):
    """A refusal that the caller expects and handles. Never leaves the adapters. ``code`` is AWS's error code."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.code = str(response.get("Error", {}).get("Code", ""))
        self.message = str(response.get("Error", {}).get("Message", ""))
        self.response = response
        super().__init__(self.code)


def call(service: str, operation: str, expected: Collection[str] = (), region: str = "", **arguments: Any) -> dict[str, Any]:
    """In ``region`` if given. Raises Refused for an ``expected`` error code (or ``<expected>.*``), else a RelightError."""
    try:
        answer: dict[str, Any] = getattr(client(service, (service, operation) in ONCE, region), operation)(**arguments)
        return answer
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if any(code == one or code.startswith(f"{one}.") for one in expected):
            raise Refused(dict(error.response)) from None
        raise translate(error, f"{service} {operation}") from error
    except BotoCoreError as error:
        raise translate(error, f"{service} {operation}") from error


def pages(service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """What ``key`` lists on every page of the answer. Raises a RelightError."""
    with translated(f"{service} {operation}"):
        for page in client(service).get_paginator(operation).paginate(**arguments):
            yield from page.get(key, [])
