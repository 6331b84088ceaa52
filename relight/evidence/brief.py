"""What travels through the state machine is small, however large the app is: the whole is in S3, and the answer says where.

A payload of Step Functions holds 262,144 bytes, and each of its last states is handed every answer before it.
"""

import json
from collections.abc import Sequence

from relight.model import ActionResult, Artifact, Check, encode
from relight.records import replace

LARGEST = 60_000  # bytes of one answer
MOST = 100  # actions
LONGEST = 2_000  # characters of one text


def brief_checks(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Each check in its share of the answer; one that is too large keeps its verdict and the beginning of its detail."""
    room = LARGEST // max(len(checks), 1)
    return tuple(check if len(json.dumps(encode(check))) <= room else _cut(check, room) for check in checks)


def _cut(check: Check, room: int) -> Check:
    """A character takes up to six bytes."""
    return replace(check, detail=check.detail[: room // 8], evidence={"left_out": "the checks' document has it"})


def brief_actions(actions: Sequence[ActionResult], whole: Artifact) -> tuple[ActionResult, ...]:
    """The first of them, and where the others are listed. ``whole``: the list of all."""
    if len(actions) <= MOST:
        return tuple(actions)
    last = actions[MOST:]
    done = all(action.done for action in last)
    named = ActionResult(action=last[0].action, target=f"{len(last)} more", done=done, detail=f"listed in {whole.uri}")
    return (*actions[:MOST], named)
