"""A terminal beside a deployment: moto for SSM and S3, a stub for the console API, the CLI run in this process."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from relight.adapters import aws
from relight.cli import main
from tests.cli.stub import Stub, serving

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Said:
    """What a person sees of one command."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Terminal = Callable[..., Said]


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """An operator's terminal in an empty directory that holds the sample's relight.toml."""
    monkeypatch.chdir(tmp_path)
    for name in ["BACKUP_URI", "IMAGE_REF", "NAMESPACE", "RUN_JOB", "CONFIRM_DESTROY"]:
        monkeypatch.delenv(name, raising=False)
    for name in ["RELIGHT_CONFIG", "RELIGHT_API", "RELIGHT_LOCAL", "RELIGHT_COMMAND"]:
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):  # the CLI sets them, and must not for the next test
        monkeypatch.setenv(name, "eu-central-1")
    (tmp_path / "relight.toml").write_text((ROOT / "examples/sample/relight.toml").read_text())

    def run(*arguments: str, **variables: str) -> Said:
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            capsys.readouterr()
            status = main.run(list(arguments))
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return run


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account, empty."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():  # clients stay cached from test to test: each costs a third of a second to make
        yield


@pytest.fixture
def api(account: None) -> Iterator[Stub]:
    """A deployment in that account whose console API is a stub."""
    with serving() as stub:
        found = {"api": stub.url, "region": "eu-central-1", "evidence_bucket": "evidence", "table": "relight"}
        aws.client("ssm").put_parameter(Name="/relight/deployment", Value=json.dumps(found), Type="String")
        yield stub
