"""The state machine's definition against Amazon States Language, as cfn-lint knows it (rule E3601)."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra import node  # noqa: F401  # before aws_cdk
from infra.definition import ASL

pytestmark = pytest.mark.slow


def findings(folder: Path, definition: dict[str, Any]) -> list[str]:
    from infra.checks import lint

    properties = {"RoleArn": "arn:aws:iam::123456789012:role/recovery", "Definition": definition}
    template = {"Resources": {"Recovery": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    (folder / "asl.template.json").write_text(json.dumps(template), encoding="utf-8")
    return lint(folder)


def written() -> dict[str, Any]:
    """The definition with an ARN where synth puts one."""
    text = (
        ASL.read_text(encoding="utf-8")
        .replace("${", "arn:aws:lambda:eu-central-1:123456789012:function:")
        .replace('_arn}"', '"')
    )
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_the_definition_is_valid(tmp_path: Path) -> None:
    assert findings(tmp_path, written()) == []


def test_the_validator_sees_a_state_that_leads_nowhere(tmp_path: Path) -> None:
    broken = written()
    broken["StartAt"] = "Nowhere"
    assert any("E3601" in one for one in findings(tmp_path, broken))


def test_the_validator_sees_a_state_of_no_known_type(tmp_path: Path) -> None:
    broken = written()
    broken["States"]["Teardown"]["Type"] = "Teleport"
    assert any("E3601" in one for one in findings(tmp_path, broken))


def test_the_validator_sees_a_timeout_that_is_neither_number_nor_expression(tmp_path: Path) -> None:
    broken = written()
    broken["States"]["Teardown"]["TimeoutSeconds"] = "soon"
    assert any("E3601" in one for one in findings(tmp_path, broken))
