"""A Lambda function of the user's, asked to take part in a promotion. One try, bounded; its answer is held to a schema."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from relight.adapters.aws import client, translated
from relight.errors import ActionFailed

LARGEST = 10_000  # bytes of an answer
LONGEST = 300  # characters of what it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """``done``: it did, or it is, what it was asked. ``detail``: one line for a person."""

    done: bool
    detail: str = ""


def ask(name: str, event: dict[str, Any]) -> Said:
    """Raises ActionFailed when it fails or its answer is not of that form, and what every AWS call raises."""
    with translated(f"function {name}"):
        answer = client("lambda", once=True).invoke(FunctionName=name, Payload=json.dumps(event).encode())
        said = answer["Payload"].read(LARGEST + 1)
    if "FunctionError" in answer:
        raise ActionFailed(f"function {name}: {event['action']} failed ({answer['FunctionError']}); see its log")
    if len(said) > LARGEST:
        raise ActionFailed(f"function {name}: answered {event['action']} with more than {LARGEST} bytes; see its log")
    try:
        found = msgspec.json.decode(said, type=Said)
    except msgspec.DecodeError as error:
        wanted = '{"done": true or false, "detail": "one line"}'
        raise ActionFailed(f"function {name}: answered {event['action']} with no {wanted} ({error})") from None
    return Said(done=found.done, detail=" ".join(found.detail.split())[:LONGEST])
