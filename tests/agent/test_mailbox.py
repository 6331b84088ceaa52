"""The agent's mailbox: orders, tasks and the lease, also those it cannot read or does not know."""

import time
from pathlib import Path

import pytest

from relight.adapters.aws import client
from relight.records import replace
from tests.agent.rig import TABLE, Runner, make_order
from tests.agent.steps import answer
from tests.agent.world import TOKEN, a_task
from tests.support import eventually


def test_an_order_of_another_version_is_answered_when_its_task_comes(runner: Runner) -> None:
    runner.order(replace(make_order(), app={"name": "ledger"}))
    runner.give(a_task("restore"))
    agent = runner.start()
    error, cause = answer(runner)
    agent.stop()
    assert error == "RequestInvalid" and "one version" in cause


def test_an_order_that_is_replaced_leaves_no_staging_behind(runner: Runner) -> None:
    runner.cluster.up = False
    runner.order(make_order())
    agent = runner.start()
    first = eventually(lambda: list((runner.data / "staging").glob("*/volumes")))
    runner.order(make_order("run-2"))
    eventually(lambda: not first[0].exists())
    eventually(lambda: list((runner.data / "staging").glob("*/volumes")))
    agent.stop()


def test_a_phase_the_agent_does_not_know_is_answered(runner: Runner) -> None:
    runner.order(make_order())
    runner.give(a_task("teardown"))
    agent = runner.start()
    error, cause = answer(runner)
    agent.stop()
    assert error == "RequestInvalid" and "restore" in cause


def test_a_mailbox_that_cannot_be_read_does_not_end_the_agent(runner: Runner) -> None:
    broken = {"pk": {"S": runner.principal}, "sk": {"S": "order"}, "body": {"S": "{not json"}}
    client("dynamodb").put_item(TableName=TABLE, Item=broken)
    agent = runner.start()
    time.sleep(0.3)
    runner.order(make_order())
    runner.give(a_task("restore"))
    assert answer(runner)[0] == "succeeded"
    agent.stop()


@pytest.mark.parametrize("sk", ["order", "task#restore"])
@pytest.mark.parametrize("body", ["{not json", "{}", None])
def test_a_malformed_item_hides_neither_the_lease_nor_other_tasks(runner: Runner, sk: str, body: str | None) -> None:
    runner.table.put_order(runner.principal, make_order())
    runner.give(a_task("validate", token="another"))
    runner.table.put_runner_lease(runner.principal, 1_900_000_000)
    item = {"pk": {"S": runner.principal}, "sk": {"S": sk}, **({"body": {"S": body}} if body else {})}
    client("dynamodb").put_item(TableName=TABLE, Item=item)
    mail = runner.table.mailbox(runner.principal)
    assert mail.lease_expires_at == 1_900_000_000 and [task.phase for task in mail.tasks] == ["validate"]
    assert [fault.startswith(sk) for fault in mail.faults] == [True]
    agent = runner.start()
    expiry = Path(runner.config.expiry_file)
    eventually(lambda: expiry.exists() and expiry.read_text() == "1900000000\n")
    agent.stop()


def test_what_is_malformed_is_said_once_and_without_the_token(runner: Runner, caplog: pytest.LogCaptureFixture) -> None:
    item = {"sk": {"S": "task#restore"}, "body": {"S": f'{{"token": "{TOKEN}", "attempt": "one"}}'}}
    client("dynamodb").put_item(TableName=TABLE, Item={"pk": {"S": runner.principal}, **item})
    agent = runner.start()
    time.sleep(0.5)
    agent.stop()
    said = [record.getMessage() for record in caplog.records if "mailbox" in record.getMessage()]
    assert len(said) == 1 and "task#restore" in said[0] and TOKEN not in said[0]


def test_a_lease_that_is_no_number_says_nothing(runner: Runner) -> None:
    item = {"pk": {"S": runner.principal}, "sk": {"S": "lease"}, "expires_at": {"S": "soon"}}
    client("dynamodb").put_item(TableName=TABLE, Item=item)
    mail = runner.table.mailbox(runner.principal)
    assert mail.lease_expires_at is None and mail.faults == ("lease: expires_at is no number",)


def test_the_expiry_file_follows_the_lease_and_nothing_else(runner: Runner) -> None:
    expiry = Path(runner.config.expiry_file)
    expiry.parent.mkdir(parents=True)
    expiry.write_text("1800000000\n")
    runner.order(make_order())
    agent = runner.start()
    eventually(lambda: list((runner.data / "staging").glob("*/volumes")))
    assert expiry.read_text() == "1800000000\n", "an order extends no life"
    runner.table.put_runner_lease(runner.principal, 1_900_000_000)
    eventually(lambda: expiry.read_text() == "1900000000\n")
    runner.table.put_runner_lease(runner.principal, 1_850_000_000)
    eventually(lambda: expiry.read_text() == "1850000000\n")
    client("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": runner.principal}, "sk": {"S": "lease"}})
    time.sleep(0.3)
    assert expiry.read_text() == "1850000000\n", "a lease that is gone says nothing"
    agent.stop()
