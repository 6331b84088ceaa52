"""One engine for the folder's tests (the local AWS alone, nothing deployed), and short ways to make things in it."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import boto3
import pytest

from relight.local.engine import KEY, Engine
from tests.support import eventually, free_port

ROLE = "arn:aws:iam::000000000000:role/anyone"
_numbers = count(1)


def unique(word: str) -> str:
    return f"{word}-{next(_numbers)}"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    running = Engine(tmp_path_factory.mktemp("engine"), port=free_port(), wait_scale=0.05)
    running.start()
    yield running
    running.down()
    assert running.leftovers() == []


class Account:
    """The local account as one of its users sees it."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._endpoint = variables["AWS_ENDPOINT_URL"]
        self._session = boto3.Session(
            variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], region_name=variables["AWS_REGION"]
        )
        self._clients: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self._endpoint)  # type: ignore[call-overload]
        return self._clients[service]

    def role(self, name: str, *statements: dict[str, Any]) -> str:
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="grants", PolicyDocument=policy(*statements))
        return str(made)

    def function(self, source: str, *, grants: tuple[dict[str, Any], ...] = (), timeout: int = 20) -> str:
        """A function with ``handler(event, context)`` in ``source`` and a role of its own; returns its ARN."""
        name = unique("function")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", dedent(source))
        role = self.role(f"{name}-role", *grants)
        made = getattr(self, "lambda").create_function(
            FunctionName=name, Role=role, Runtime="python3.13", Handler="index.handler", Timeout=timeout,
            Code={"ZipFile": packed.getvalue()},
        )  # fmt: skip
        return str(made["FunctionArn"])

    def machine(self, states: dict[str, Any], **more: Any) -> str:
        """A JSONata state machine whose first state is the first of ``states``; returns its ARN."""
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **more}
        role = self.role(unique("machine-role"), allow("lambda:InvokeFunction", "*"))
        made = self.stepfunctions.create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=role
        )
        return str(made["stateMachineArn"])

    def start(self, machine: str, given: Any = None, **more: Any) -> str:
        return str(
            self.stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps(given or {}), **more)[
                "executionArn"
            ]
        )

    def ended(self, execution: str, seconds: float = 15.0) -> dict[str, Any]:
        """The execution once it has ended; its output as ``result``."""

        def look() -> Any:
            found = self.stepfunctions.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found = dict(eventually(look, "the execution ends", seconds))
        found["result"] = json.loads(found["output"]) if found.get("output") else None
        return found


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str, **condition: Any) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


@pytest.fixture(scope="session")
def aws(engine: Engine) -> Account:
    return Account(engine.environment())


@pytest.fixture(scope="session")
def root(engine: Engine) -> Account:
    """Who the account belongs to, and who speaks for AWS in rehearsals."""
    return Account({**engine.environment(), "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY})


@pytest.fixture
def calls(engine: Engine) -> Callable[[str], list[dict[str, Any]]]:
    """Recorded calls of the principal whose ARN ends so."""

    def of(principal: str) -> list[dict[str, Any]]:
        lines = engine.calls.read_text(encoding="utf-8").splitlines()
        return [call for call in map(json.loads, lines) if call["principal"].endswith(principal)]

    return of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
