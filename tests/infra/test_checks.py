"""Reviewers' tools have nothing to say, and what was acknowledged is acknowledged with a reason where they look."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra import node  # noqa: F401  # before aws_cdk
from relight.configfile import load
from tests.infra.conftest import ROOT, Templates

if TYPE_CHECKING:
    from aws_cdk.cx_api import CloudAssembly

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def assembled(folder: Path) -> "CloudAssembly":
    from infra.build import build  # starts Node

    return build(load(ROOT / "relight.toml"), "local", folder).synth()


def test_aws_solutions_finds_nothing_that_was_not_acknowledged(tmp_path: Path) -> None:
    from infra.checks import nag

    assert nag(assembled(tmp_path)) == []


def test_a_new_finding_ends_synth_and_says_what_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app import main
    from infra import runner

    opened = (*runner.EGRESS, (runner.ec2.Port.tcp(22), "a way in"))
    monkeypatch.setattr(runner, "EGRESS", opened)
    monkeypatch.setattr(runner.ec2.SecurityGroup, "add_egress_rule", runner.ec2.SecurityGroup.add_ingress_rule)
    monkeypatch.setattr("sys.argv", ["app.py", "--platform", "local", "--output", str(tmp_path)])
    assert main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "/runner/NoInbound/Resource: AwsSolutions-EC23" in said.err
    assert "infra/checks.py" in said.err


def test_an_acknowledgement_is_needed_to_get_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from infra import checks

    monkeypatch.setattr(checks, "ACKNOWLEDGED", {name: {} for name in checks.ACKNOWLEDGED})
    monkeypatch.setattr(checks, "WILDCARDS", {})
    found = "\n".join(checks.nag(assembled(tmp_path)))
    for rule in ("AwsSolutions-S1", "AwsSolutions-VPC7", "AwsSolutions-L1", "AwsSolutions-IAM5"):
        assert rule in found


def test_every_acknowledgement_gives_its_reason_in_the_template(templates: Templates) -> None:
    noted = [template.get("Metadata", {}).get("cdk_nag", {}) for template in templates.values()]
    rules = [rule for one in noted for rule in one.get("rules_to_suppress", [])]
    assert rules
    assert all(len(rule["reason"]) > 30 for rule in rules)


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    from infra.checks import lint

    assert lint(assembly) == []


def test_a_folder_without_templates_does_not_count_as_clean(tmp_path: Path) -> None:
    from infra.checks import lint

    with pytest.raises(ValueError, match="nothing was checked"):
        lint(tmp_path)


def test_docs_say_what_the_roles_may_do() -> None:
    from infra.permissions import page

    assert (ROOT / "docs/permissions.md").read_text(encoding="utf-8") == page(), (
        "python -m infra.permissions > docs/permissions.md"
    )
