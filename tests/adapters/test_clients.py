"""No call of AWS can wait or retry without end: all go through the one client that bounds them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from infra.functions import SPECS
from relight.adapters.aws import client, forget
from relight.adapters.calls import ONCE

ROOT = Path(__file__).parents[2]
MAKES_A_CLIENT = re.compile(r"boto3\.(?:client|resource|Session)\(|\.create_client\(")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        forget()
        yield
    forget()


@pytest.mark.parametrize("service", ["dynamodb", "ec2", "kms", "s3", "ssm", "stepfunctions", "sts"])
def test_every_client_gives_up_in_time(service: str) -> None:
    config: Any = client(service).meta.config
    assert 0 < config.connect_timeout <= 5 and 0 < config.read_timeout <= 60
    assert config.retries["mode"] == "standard" and config.retries["total_max_attempts"] <= 5


def test_a_function_that_a_person_asks_is_waited_for_to_its_own_end_and_asked_once() -> None:
    """One that was not heard in time is still at work: asking again would start it again."""
    config: Any = client("lambda").meta.config
    longest = max(SPECS[name].timeout for name in ("check", "probe"))
    assert longest < config.read_timeout <= longest + 30 and config.connect_timeout <= 5
    assert ("lambda", "invoke") in ONCE


def test_nothing_but_the_one_adapter_makes_clients() -> None:
    places = [path for part in ("relight", "lambdas") for path in (ROOT / part).rglob("*.py") if "local" not in path.parts]
    made = [path.relative_to(ROOT).as_posix() for path in places if MAKES_A_CLIENT.search(path.read_text())]
    assert made == ["relight/adapters/aws.py"]
