"""An answer fits through the state machine, and says where the rest is."""

import json

from relight.evidence.brief import LARGEST, MOST, brief_actions, brief_checks
from relight.model import ActionResult, Artifact, Check, Verdict, encode

WHOLE = Artifact(uri="s3://evidence/a/r/artifacts/lifted.json", sha256="0" * 64)


def check(size: int, verdict: Verdict = Verdict.FAILED) -> Check:
    return Check(validator="job", kind="job", verdict=verdict, detail="ä" * size, seconds=1.0, evidence={"tail": "x" * size})


def test_checks_of_any_size_fit_and_keep_their_verdicts() -> None:
    for checks in ([check(100_000)], [check(8_000) for _ in range(30)], [check(5, Verdict.PASSED) for _ in range(200)]):
        brief = brief_checks(checks)
        assert len(json.dumps(encode(brief))) < LARGEST * 1.2
        assert [one.verdict for one in brief] == [one.verdict for one in checks]
    assert brief_checks([check(50)]) == (check(50),)


def test_more_actions_than_fit_are_counted_and_their_list_is_named() -> None:
    actions = [ActionResult(action="lift", target=f"CronJob {n}", done=n != 4_000, detail="as it was") for n in range(5_000)]
    brief = brief_actions(actions, WHOLE)
    assert len(brief) == MOST + 1
    assert (brief[-1].target, brief[-1].done) == (f"{5_000 - MOST} more", False)
    assert WHOLE.uri in brief[-1].detail
    assert brief_actions(actions[:3], WHOLE) == tuple(actions[:3])
