"""Deploys a CDK cloud assembly with the AWS SDK alone: no CDK CLI, no Node, no bootstrap stack."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from relight.errors import DeployFailed

BOOTSTRAP = {"/cdk-bootstrap/hnb659fds/version": "30"}  # what CDK's bootstrap would have left in the account
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
INLINE = 51_200  # bytes of template that CloudFormation takes in the call itself
PATIENCE = 180.0  # seconds a stack may take
POLL = 0.1

Supply = Callable[[list[str]], Path]  # an asset's build command to the file that takes its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of the assembly and where its manifest wants it: ``path`` is a file, or a folder to be zipped."""

    path: Path
    bucket: str
    key: str
    zipped: bool


@dataclass(slots=True, kw_only=True)
class Stack:
    """A stack of the assembly; ``outputs`` is filled by ``deploy``."""

    name: str
    template: Path
    url: str | None
    parameters: dict[str, str]
    needs: list[str]
    assets: list[Asset] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)


def deploy(
    assembly: Path, session: boto3.Session, endpoint: str, supply: Supply, parameters: dict[str, str] | None = None
) -> dict[str, dict[str, str]]:
    """Publishes the assets and creates or updates every stack, each after those it needs; returns the stacks' outputs.

    ``supply`` gives the file for an asset that the assembly would have built by a command. ``parameters`` are SSM
    parameters that must exist beforehand. Raises DeployFailed, which names the resource and the reason.
    """
    client: dict[str, Any] = {
        name: session.client(name, endpoint_url=endpoint) for name in ("s3", "ssm", "sts", "cloudformation")
    }
    for name, value in {**BOOTSTRAP, **(parameters or {})}.items():
        client["ssm"].put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    account = client["sts"].get_caller_identity()["Account"]
    stacks = read(
        assembly, {"${AWS::AccountId}": account, "${AWS::Region}": session.region_name, "${AWS::Partition}": "aws"}, supply
    )
    publish(client["s3"], [asset for stack in stacks for asset in stack.assets], session.region_name)
    for stack in in_order(stacks):
        stack.outputs = _create(client["cloudformation"], stack, endpoint)
    return {stack.name: stack.outputs for stack in stacks}


# ---------------------------------------------------------------- reading the assembly
def read(assembly: Path, pseudo: dict[str, str], supply: Supply) -> list[Stack]:
    """The assembly's stacks with their assets. Raises DeployFailed when it is not an assembly."""
    try:
        artifacts = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    except (OSError, ValueError, KeyError) as error:
        raise DeployFailed(f"{assembly}: is not a CDK cloud assembly ({error}); synthesize it again") from None
    kinds = {name: artifact["type"] for name, artifact in artifacts.items()}
    stacks = []
    for name, artifact in artifacts.items():
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        needs = artifact.get("dependencies", [])
        about = artifact["properties"]
        manifests = [artifacts[need]["properties"]["file"] for need in needs if kinds[need] == "cdk:asset-manifest"]
        stack = Stack(
            name=about.get("stackName") or name,
            template=assembly / about["templateFile"],
            url=_resolve(about["stackTemplateAssetObjectUrl"], pseudo) if "stackTemplateAssetObjectUrl" in about else None,
            parameters=dict(about.get("parameters", {})),
            needs=[
                artifacts[need]["properties"].get("stackName") or need for need in needs if kinds[need] == artifact["type"]
            ],
        )
        stack.assets += [asset for file in manifests for asset in _assets(assembly, file, pseudo, supply)]
        stacks.append(stack)
    return stacks


def _assets(assembly: Path, manifest: str, pseudo: dict[str, str], supply: Supply) -> Iterator[Asset]:
    files = json.loads((assembly / manifest).read_text(encoding="utf-8")).get("files", {})
    for row in files.values():
        source = row["source"]
        path = supply(source["executable"]) if "executable" in source else assembly / source["path"]
        for place in row["destinations"].values():
            bucket, key = _resolve(place["bucketName"], pseudo), place["objectKey"]
            yield Asset(path=path, bucket=bucket, key=key, zipped=source.get("packaging") == "zip" and path.is_dir())


def _resolve(text: str, pseudo: dict[str, str]) -> str:
    for name, value in pseudo.items():
        text = text.replace(name, value)
    return text


def in_order(stacks: list[Stack]) -> list[Stack]:
    """Each stack after those it needs. Raises DeployFailed on a circle."""
    ordered: list[Stack] = []
    waiting = list(stacks)
    while waiting:
        done = {stack.name for stack in ordered}
        ready = [stack for stack in waiting if done.issuperset(stack.needs)]
        if not ready:
            raise DeployFailed(
                f"{', '.join(stack.name for stack in waiting)}: the stacks need each other or one that is not there"
            )
        ordered += ready
        waiting = [stack for stack in waiting if stack not in ready]
    return ordered


# ---------------------------------------------------------------- assets
def publish(s3: Any, assets: list[Asset], region: str) -> None:
    """Uploads what is not there yet; keys are content hashes, so what is there is right."""
    for bucket in {asset.bucket for asset in assets}:
        try:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise
    unique = {(asset.bucket, asset.key): asset for asset in assets}
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda asset: _upload(s3, asset), unique.values()))


def _upload(s3: Any, asset: Asset) -> None:
    try:
        s3.head_object(Bucket=asset.bucket, Key=asset.key)
    except ClientError:
        s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=_zip(asset.path) if asset.zipped else asset.path.read_bytes())


def _zip(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


# ---------------------------------------------------------------- stacks
def _create(cloudformation: Any, stack: Stack, endpoint: str) -> dict[str, str]:
    text = stack.template.read_text(encoding="utf-8")
    arguments: dict[str, Any] = {
        "StackName": stack.name,
        "Capabilities": CAPABILITIES,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
    }
    where = next((asset for asset in stack.assets if asset.path == stack.template), None)
    if len(text.encode()) > INLINE and where:
        arguments["TemplateURL"] = f"{endpoint}/{where.bucket}/{where.key}"
    else:
        arguments["TemplateBody"] = text
    try:
        if _status(cloudformation, stack.name) is None:
            cloudformation.create_stack(**arguments)
        else:
            cloudformation.update_stack(**arguments)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "No updates are to be performed" not in message:
            raise DeployFailed(f"stack {stack.name}: {message}; correct the template and deploy again") from None
    return _finish(cloudformation, stack.name)


def _status(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return None
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _finish(cloudformation: Any, name: str) -> dict[str, str]:
    """Waits for the stack's end and returns its outputs."""
    deadline = time.monotonic() + PATIENCE
    while (found := _status(cloudformation, name)) and found["StackStatus"].endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise DeployFailed(f"stack {name}: still {found['StackStatus']} after {PATIENCE:.0f} s; see its events")
        time.sleep(POLL)
    status = found["StackStatus"] if found else "gone"
    if found is None or status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeployFailed(
            f"stack {name}: {status}; {first_failure(cloudformation, name)}; correct the template and deploy again"
        )
    return {row["OutputKey"]: row["OutputValue"] for row in found.get("Outputs", [])}


def first_failure(cloudformation: Any, name: str) -> str:
    """The resource that failed first, its type and the reason, from the stack's events."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    if not failed:
        return "no resource reported a failure"
    first = min(failed, key=lambda event: event["Timestamp"])
    return f"{first['LogicalResourceId']} ({first['ResourceType']}): {first.get('ResourceStatusReason', 'no reason given')}"
