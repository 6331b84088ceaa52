"""What `./run synth` writes is what was promised: who may do what, what is off until armed, what cannot be reached."""

import json
import re
from dataclasses import fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from infra import node  # noqa: F401  # before aws_cdk
from infra.functions import SPECS
from infra.user_data import LIMIT
from relight.config import App
from relight.configfile import load
from relight.errors import ConfigInvalid
from relight.model import Phase, decode
from relight.roles import API, PAGES
from relight.settings import FunctionSettings
from tests.infra.conftest import ROOT, Templates, read, synth
from tests.infra.template import functions, joined, of_type, only, text

REWRITTEN = ("report.json", "report.html", "chain.json", "plan/plan.json", "plan/objects.jsonl", "plan/manifest.json")
KEYS = [f"shop/ab-run/{number:02d}-{phase}.json" for number, phase in enumerate(Phase, 1)]
KEYS += [f"shop/ab-run/{name}" for name in REWRITTEN]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # a first synthesis may fetch wheels


def test_two_syntheses_are_the_same_to_the_byte(assembly: Path, tmp_path: Path) -> None:
    done = synth(tmp_path, "--platform", "local", seed="4711")
    assert done.returncode == 0, done.stderr
    templates = sorted(path.name for path in assembly.glob("*.template.json"))
    names = [*templates, "orchestrator.assets.json", "runner.assets.json"]
    assert len(names) == 6
    assert {name for name in names if (assembly / name).read_bytes() != (tmp_path / name).read_bytes()} == set()


def test_aws_and_the_embedded_engine_get_the_same_templates_but_for_their_bundles(
    templates: Templates, tmp_path: Path
) -> None:
    done = synth(tmp_path, "--platform", "lambda")
    assert done.returncode == 0, done.stderr
    assert without_digests(read(tmp_path)) == without_digests(templates)
    assert text(read(tmp_path)) != text(templates)


def without_digests(found: Templates) -> str:
    return text(in_order(json.loads(re.sub(r"[0-9a-f]{64}", "<digest>", text(found)))))


def in_order(value: Any) -> Any:
    """CDK orders a statement's resources by their text, and so by digest."""
    if isinstance(value, dict):
        ordered = {key: in_order(one) for key, one in value.items()}
        if isinstance(ordered.get("Resource"), list):
            ordered["Resource"].sort(key=text)
        return ordered
    return [in_order(one) for one in value] if isinstance(value, list) else value


def test_nothing_names_an_account_or_a_region(templates: Templates) -> None:
    assert not re.search(r":\d{12}:|eu-central-1", re.sub(r'"Value": "\{[^}]*\}"', "", text(templates)))


# ---------------------------------------------------------------- functions
OUTSIDE = {"arrive", "catalog", "check", "console", "probe", "reap", "tend"}  # the flow


def test_a_phase_is_a_function_under_its_own_name(templates: Templates) -> None:
    found = functions(templates["orchestrator"])
    assert set(found) == {*map(str, Phase), *OUTSIDE}
    for name, one in found.items():
        assert one["Handler"] == f"lambdas.{name}.handler.handler"
        assert one["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == name
        assert (one["Runtime"], one["Architectures"]) == ("python3.13", ["arm64"])


def test_all_functions_share_one_bundle_and_none_shares_a_role(templates: Templates) -> None:
    found = functions(templates["orchestrator"]).values()
    assert len({text(one["Code"]) for one in found}) == 1
    assert len({text(one["Role"]) for one in found}) == len(found)


def test_a_function_gets_settings_that_exist_and_only_those(templates: Templates) -> None:
    known = {f"RELIGHT_{field.name.upper()}" for field in fields(FunctionSettings)} | {"POWERTOOLS_SERVICE_NAME"}
    for name, one in functions(templates["orchestrator"]).items():
        given = set(one["Environment"]["Variables"])
        assert given <= known
        assert given == {f"RELIGHT_{field.upper()}" for field in SPECS[name].settings} | {"POWERTOOLS_SERVICE_NAME"}


def test_every_log_ends(templates: Templates) -> None:
    groups = of_type(templates["orchestrator"], "AWS::Logs::LogGroup")
    assert len(groups) == len(SPECS) + 2
    assert all(group["RetentionInDays"] == 90 for group in groups.values())


# ---------------------------------------------------------------- the runner
def test_nothing_can_connect_to_a_runner(templates: Templates) -> None:
    runner = templates["runner"]
    assert not of_type(runner, "AWS::EC2::SecurityGroupIngress")
    group = only(runner, "AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert sorted((row["IpProtocol"], row["FromPort"]) for row in group["SecurityGroupEgress"]) == [
        ("tcp", 53),
        ("tcp", 443),
        ("udp", 53),
    ]
    assert not of_type(runner, "AWS::EC2::NatGateway")
    assert len(of_type(runner, "AWS::EC2::VPCEndpoint")) == 2


def test_a_runner_is_hardened_and_ends_when_it_is_switched_off(templates: Templates) -> None:
    data = only(templates["runner"], "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert data["MetadataOptions"] == {
        "HttpPutResponseHopLimit": 1,
        "HttpTokens": "required",
        "InstanceMetadataTags": "enabled",
    }
    assert data["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert data["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is True
    assert "KeyName" not in data
    assert data["ImageId"].startswith("resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/")


def test_its_boot_script_fits_and_pins_what_the_configuration_pins(templates: Templates) -> None:
    data = only(templates["runner"], "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    script = joined(data["UserData"]["Fn::Base64"])
    assert len(script.encode()) < LIMIT
    assert f"K3S_SHA256='{load(ROOT / 'relight.toml').runner.k3s.sha256}'" in script
    assert not re.search(r"'@[A-Z0-9_]+@'", script)


def test_its_artifacts_are_published_by_digest(assembly: Path) -> None:
    files = json.loads((assembly / "runner.assets.json").read_text())["files"]
    destinations = [row["objectKey"] for one in files.values() for row in one["destinations"].values()]
    runner = load(ROOT / "relight.toml").runner
    for pinned in filter(None, (runner.k3s, runner.images)):
        assert files[pinned.sha256]["source"] == {"executable": ["python3", "-m", "infra.fetch", pinned.url, pinned.sha256]}
        assert pinned.sha256 in destinations


# ---------------------------------------------------------------- state machine, console, parameters
def test_the_state_machine_logs_everything_but_the_data_that_holds_tokens(templates: Templates) -> None:
    machine = only(templates["orchestrator"], "AWS::StepFunctions::StateMachine")
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert not machine["LoggingConfiguration"].get("IncludeExecutionData", False)
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["StateMachineType"] == "STANDARD"
    assert set(machine["DefinitionSubstitutions"]) == {f"{phase}_arn" for phase in Phase}


def test_the_api_answers_nobody_without_a_signature_and_only_pages_are_for_browsers(templates: Templates) -> None:
    routes = of_type(templates["orchestrator"], "AWS::ApiGatewayV2::Route").values()
    found = {route["RouteKey"]: route["AuthorizationType"] for route in routes}
    assert found == {**dict.fromkeys(API, "AWS_IAM"), **dict.fromkeys(PAGES, "NONE")}


def test_the_parameters_say_what_the_cli_and_the_functions_ask(templates: Templates) -> None:
    found = {one["Name"]: one["Value"] for one in of_type(templates["orchestrator"], "AWS::SSM::Parameter").values()}
    needs = {f"/relight/permissions/{name}" for name in (*functions(templates["orchestrator"]), "keeper", "recovery")}
    assert set(found) == {"/relight/deployment", "/relight/console", "/relight/apps/sample", *needs}
    assert decode(json.loads(found["/relight/apps/sample"]), App) == load(ROOT / "relight.toml").app("sample")
    for part in ("api", "state_machine", "table", "evidence_bucket", "region", "signing_key"):
        assert f'"{part}":' in joined(found["/relight/deployment"])


def test_an_app_as_long_as_aws_keeps_is_deployed_and_a_longer_one_stops_synth(templates: Templates) -> None:
    from infra.orchestrator import stored  # starts Node

    tiers = {one["Tier"] for one in of_type(templates["orchestrator"], "AWS::SSM::Parameter").values()}
    assert tiers == {"Intelligent-Tiering"}
    app = load(ROOT / "relight.toml").app("sample")
    assert len(stored(replace(app, namespace="n" * 4096))) > 4096
    with pytest.raises(ConfigInvalid, match=r"wrong field") as refused:
        stored(replace(app, namespace="n" * 8192))
    assert refused.value.findings[0].startswith("apps.sample: ")


# ---------------------------------------------------------------- evidence
def test_evidence_outlives_everything(templates: Templates) -> None:
    resources = templates["evidence"]["Resources"].values()
    kept = [row for row in resources if row["Type"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key")]
    assert [row["DeletionPolicy"] for row in kept] == ["Retain"] * 3
    bucket = only(templates["evidence"], "AWS::S3::Bucket")
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    table = only(templates["evidence"], "AWS::DynamoDB::Table")
    assert table["DeletionProtectionEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert only(templates["evidence"], "AWS::KMS::Key")["KeySpec"] == "ECC_NIST_P256"


def test_s3_itself_refuses_to_write_over_a_receipt_and_over_nothing_else(templates: Templates) -> None:
    policy = only(templates["evidence"], "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    (denied,) = (row for row in policy if row.get("Sid") == "ReceiptsAreWrittenOnce")
    assert (denied["Effect"], denied["Action"], denied["Principal"]) == ("Deny", "s3:PutObject", {"AWS": "*"})
    assert denied["Condition"] == {"Null": {"s3:if-none-match": "true"}}
    patterns = [joined(resource).partition("/")[2] for resource in denied["Resource"]]
    covered = [key for key in KEYS if any(fnmatchcase(key, pattern) for pattern in patterns)]
    assert covered == [f"shop/ab-run/{number:02d}-{phase}.json" for number, phase in enumerate(Phase, 1)]


def test_uploads_that_never_ended_are_swept_from_the_evidence(templates: Templates) -> None:
    rules = only(templates["evidence"], "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert [rule["AbortIncompleteMultipartUpload"] for rule in rules] == [{"DaysAfterInitiation": 7}]
    assert all(rule["Status"] == "Enabled" and "ExpirationInDays" not in rule for rule in rules)
