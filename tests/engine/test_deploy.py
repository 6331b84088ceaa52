"""A cloud assembly becomes stacks with the SDK alone; a failure names the resource and the reason."""

import hashlib
import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from relight.errors import DeployFailed
from relight.local import deploy as deploying
from relight.local.deploy import Stack, deploy, in_order, read
from relight.local.engine import KEY, Engine
from tests.engine.conftest import Account, unique

IMAGE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"
HANDLER = "def handler(event, context):\n    return 'from the bundle'\n"


class Assembly:
    """A hand-written cloud assembly of stacks that need each other in the order they are added."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.names = folder, list[str]()
        self._artifacts: dict[str, Any] = {}

    def add(
        self, template: dict[str, Any], files: dict[str, Any] | None = None, parameters: dict[str, str] | None = None
    ) -> str:
        name = unique("stack")
        (self.folder / f"{name}.template.json").write_text(json.dumps(template))
        (self.folder / f"{name}.assets.json").write_text(json.dumps({"files": files or {}}))
        self._artifacts[f"{name}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": f"{name}.assets.json"}}
        about = {"templateFile": f"{name}.template.json", "stackName": name, "parameters": parameters or {}}
        needs = [*self.names[-1:], f"{name}.assets"]
        # Written in reverse, so that only the dependencies can give the order.
        self._artifacts = {
            name: {"type": "aws:cloudformation:stack", "properties": about, "dependencies": needs},
            **self._artifacts,
        }
        (self.folder / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": self._artifacts}))
        self.names.append(name)
        return name


def asset(source: dict[str, Any], key: str) -> dict[str, Any]:
    return {
        "source": source,
        "destinations": {"here": {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": key}},
    }


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    return Assembly(tmp_path)


def go(engine: Engine, assembly: Assembly, supply: Any = None) -> dict[str, dict[str, str]]:
    session = boto3.Session(KEY, KEY, region_name="eu-central-1")
    return deploy(
        assembly.folder, session, engine.endpoint, supply or (lambda command: pytest.fail(f"nobody asked for {command}"))
    )


@pytest.mark.engine
def test_stacks_come_up_in_order_with_their_assets_and_exports(aws: Account, engine: Engine, assembly: Assembly) -> None:
    (assembly.folder / "asset.code").mkdir()
    (assembly.folder / "asset.code" / "index.py").write_text(HANDLER)
    export = unique("export")
    role = {"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
    first = {
        "Parameters": {"Image": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": IMAGE}},
        "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": role}}},
        "Outputs": {
            "Role": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}, "Export": {"Name": export}},
            "Image": {"Value": {"Ref": "Image"}},
        },
    }
    code = {"S3Bucket": {"Fn::Sub": "assets-${AWS::AccountId}-${AWS::Region}"}, "S3Key": "code.zip"}
    properties = {"Runtime": "python3.13", "Handler": "index.handler", "Role": {"Fn::ImportValue": export}, "Code": code}
    second = {
        "Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}},
        "Outputs": {"Function": {"Value": {"Ref": "Function"}}},
    }
    first_name = assembly.add(first)
    second_name = assembly.add(second, {"code": asset({"path": "asset.code", "packaging": "zip"}, "code.zip")})
    outputs = go(engine, assembly)
    assert outputs[first_name]["Image"].startswith("ami-")
    answer = getattr(aws, "lambda").invoke(FunctionName=outputs[second_name]["Function"])
    assert json.loads(answer["Payload"].read()) == "from the bundle"


@pytest.mark.engine
def test_an_asset_that_a_command_would_build_is_supplied(
    aws: Account, engine: Engine, assembly: Assembly, tmp_path: Path
) -> None:
    launcher = tmp_path / "launcher"
    launcher.write_bytes(b"#!/bin/sh\n")
    key = f"k3s/{hashlib.sha256(launcher.read_bytes()).hexdigest()}"
    asked: list[list[str]] = []
    assembly.add(
        {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}, {"k3s": asset({"executable": ["fetch", "k3s"]}, key)}
    )

    def supply(command: list[str]) -> Path:
        asked.append(command)
        return launcher

    go(engine, assembly, supply)
    assert asked == [["fetch", "k3s"]]
    assert aws.s3.get_object(Bucket="assets-000000000000-eu-central-1", Key=key)["Body"].read() == b"#!/bin/sh\n"


@pytest.mark.engine
def test_deploying_again_changes_nothing_and_uploads_nothing(
    engine: Engine, assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    (assembly.folder / "data.txt").write_text("once")
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}}}
    assembly.add(template, {"data": asset({"path": "data.txt", "packaging": "file"}, unique("data"))})
    first = go(engine, assembly)
    monkeypatch.setattr(deploying, "_zip", lambda folder: pytest.fail("zipped again"))
    (assembly.folder / "data.txt").unlink()  # what is there by its hash is not read again
    assert go(engine, assembly) == first


@pytest.mark.engine
def test_a_large_template_goes_through_the_bucket(engine: Engine, assembly: Assembly) -> None:
    many = {
        f"P{n}": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Value": "v" * 1000, "Name": unique("/large")},
        }
        for n in range(60)
    }
    name = assembly.add({"Resources": many, "Outputs": {"One": {"Value": {"Ref": "P1"}}}})
    text = assembly.folder / f"{name}.template.json"
    assert text.stat().st_size > deploying.INLINE
    manifest = {"files": {"template": asset({"path": text.name, "packaging": "file"}, unique("template"))}}
    (assembly.folder / f"{name}.assets.json").write_text(json.dumps(manifest))
    assert go(engine, assembly)[name]["One"].startswith("/large")


@pytest.mark.engine
def test_a_failure_names_stack_resource_and_reason(engine: Engine, assembly: Assembly) -> None:
    odd = {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": "nobody", "AuthType": "AWS_IAM"}}
    name = assembly.add({"Resources": {"Odd": odd, "Fine": {"Type": "AWS::SNS::Topic"}}})
    with pytest.raises(DeployFailed) as failed:
        go(engine, assembly)
    said = str(failed.value)
    assert f"stack {name}: ROLLBACK" in said or f"stack {name}: CREATE_FAILED" in said
    assert "Odd (AWS::Lambda::Url): Lambda function not found: nobody" in said
    assert "\n" not in said


@pytest.mark.engine
def test_a_template_that_is_refused_says_why(engine: Engine, assembly: Assembly) -> None:
    name = assembly.add({"Resources": {"Odd": {"Type": "AWS::Nothing::Known"}}})
    with pytest.raises(DeployFailed, match=rf"stack {name}: .*AWS::Nothing::Known"):
        go(engine, assembly)


def test_what_is_no_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployFailed, match="is not a CDK cloud assembly"):
        read(tmp_path, {}, lambda command: tmp_path)


def test_stacks_that_need_each_other_are_refused() -> None:
    one, two = (
        Stack(name=name, template=Path(), url=None, parameters={}, needs=[need]) for name, need in (("a", "b"), ("b", "a"))
    )
    with pytest.raises(DeployFailed, match="a, b: the stacks need each other"):
        in_order([one, two])
