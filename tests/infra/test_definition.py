"""The state machine's file and what synth puts into it name the same things, or synth stops."""

from pathlib import Path

import pytest

from infra.definition import ASL, definition, substitutions
from relight.errors import ConfigInvalid
from relight.model import Phase

GIVEN = substitutions({phase.value: f"arn:{phase}" for phase in Phase})


def test_the_file_wants_every_phase_and_nothing_else() -> None:
    assert definition(GIVEN) == ASL.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ('"${detect_arn}" "${teleport_arn}"', "${teleport_arn} has no substitution"),
        ('"${plan_arn}"', "${detect_arn} is given but not in the file"),
        ("${detect_arn}", "${detect_arn} must be a whole quoted string"),
        ('"${detect_arn}:live"', "${detect_arn} must be a whole quoted string"),
        ('"arn:${detect_arn}"', "${detect_arn} must be a whole quoted string"),
    ],
)
def test_a_name_that_does_not_match_stops_synth_and_is_said(tmp_path: Path, text: str, finding: str) -> None:
    path = tmp_path / "recovery.asl.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigInvalid) as stopped:
        definition({"detect_arn": "arn:detect"}, path)
    assert finding in stopped.value.findings
