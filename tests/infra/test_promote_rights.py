"""Rights to promote follow from the app's own actions: only what is named, for who promotes and who takes back, no more."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra import node  # noqa: F401  # before aws_cdk
from relight.configfile import load
from relight.promoteconfig import PromoteAction
from tests.infra.conftest import ROOT
from tests.infra.template import Resource, grants

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
ROLE = "arn:aws:iam::111122223333:role/publish"
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:primary-AbCdEf"
ACTIONS = (
    PromoteAction(name="cronjobs", kind="fence_cronjobs", kubeconfig=SECRET),
    PromoteAction(name="role", kind="fence_role", role=ROLE),
    PromoteAction(name="dns", kind="route53", zone="Z123", record="*.shop.example.com", values=("192.0.2.1",)),
    PromoteAction(name="value", kind="ssm", parameter="/shop/site", value="relight"),
    PromoteAction(name="purge", kind="lambda", function="purge"),
)
CHANGES = ["route53:Change", "iam:Attach", "iam:Detach", "ssm:PutParameter", "lambda:Invoke", "secretsmanager:"]


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    """The orchestrator's template, and what cdk-nag finds."""
    from infra.build import build
    from infra.checks import nag

    given = load(ROOT / "relight.toml")
    config = replace(given, apps=(replace(given.apps[0], promote=ACTIONS),))
    assembly = build(config, "local", Path(tmp_path_factory.mktemp("all"))).synth()
    template = next(stack.template for stack in assembly.stacks if stack.stack_name.endswith("orchestrator"))
    return template, nag(assembly)


def test_aws_solutions_finds_nothing_with_every_kind_configured(synthesized: tuple[dict[str, Any], list[str]]) -> None:
    assert synthesized[1] == []


def changing(rows: list[Resource]) -> list[Resource]:
    return [row for row in rows if any(one in json.dumps(row["Action"]) for one in CHANGES)]


@pytest.mark.parametrize("name", ["promote", "failback", "teardown"])
def test_whoever_promotes_or_takes_back_changes_only_what_is_named(
    synthesized: tuple[dict[str, Any], list[str]], name: str
) -> None:
    rows = {json.dumps(row["Action"]): row for row in changing(grants(synthesized[0], name))}
    assert len(rows) == 5
    told = json.dumps(list(rows.values()))
    for only in ("hostedzone/Z123", "parameter/shop/site", "function:purge", ROLE, SECRET):
        assert only in told
    record = rows['"route53:ChangeResourceRecordSets"']["Condition"]["ForAllValues:StringEquals"]
    assert record["route53:ChangeResourceRecordSetsNormalizedRecordNames"] == ["\\052.shop.example.com"]
    assert record["route53:ChangeResourceRecordSetsActions"] == ["CREATE", "DELETE"]
    deny = rows['["iam:AttachRolePolicy", "iam:DetachRolePolicy"]']["Condition"]
    assert "AWSDenyAll" in json.dumps(deny)


def test_who_asks_for_the_approval_may_look_and_change_nothing(synthesized: tuple[dict[str, Any], list[str]]) -> None:
    assert changing(grants(synthesized[0], "approve")) == []
    assert "route53:ListResourceRecordSets" in json.dumps(grants(synthesized[0], "approve"))


def test_a_runner_promotes_nothing_but_the_app_on_it(synthesized: tuple[dict[str, Any], list[str]]) -> None:
    others = [name for name in ("console", "plan", "restore", "serve", "report") if changing(grants(synthesized[0], name))]
    assert others == []
