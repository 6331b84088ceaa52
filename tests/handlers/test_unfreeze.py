"""What came onto the primary is on record before anything goes back; and a freeze that is given up before that."""

import json
from typing import Any

from relight.adapters import aws
from relight.roles import Role
from tests.handlers.browser import Browser
from tests.handlers.cast import BOB, post
from tests.handlers.conftest import RUN_ID
from tests.handlers.test_failback import ask, row_of, says, served, states, tasks
from tests.handlers.test_recovery import Recovery

__all__ = ["served"]  # a fixture


def restored(**body: Any) -> None:
    status, answer = post("restored", BOB, **body)
    assert status == 200, answer


def unfreeze(**body: Any) -> dict[str, Any]:
    status, answer = post("unfreeze", BOB, **body)
    assert status == 200, answer
    return answer


# ---------------------------------------------------------------- onto the primary
def test_what_the_operators_machine_saw_on_the_primary_goes_on_record_and_into_the_answer(served: Recovery) -> None:
    ask(confirm=True, hold=True)
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"))
    restored(backup="b9", done=True, detail="1 volume written, 12 objects")
    row = row_of(ask(), "restore onto the primary")
    assert row["state"] == "done" and "b9: 1 volume written, 12 objects; by " in row["detail"]
    ask(confirm=True)
    assert tasks(served)[0].inputs["restored"]["verdict"] == "PASSED"


def test_nothing_is_handed_back_while_a_restore_onto_the_primary_stands_half_way(served: Recovery) -> None:
    ask(confirm=True, hold=True)
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"))
    restored(backup="b9", done=False, detail="claim data is being written")
    assert row_of(ask(), "restore onto the primary")["state"] == "stopped"
    status, answer = post("failback", BOB, confirm=True)
    assert (status, answer["error"]) == (409, "PrimaryNotReady") and "relight failback run-1 --restore" in answer["message"]
    ask(confirm=True, restored="b9")
    assert tasks(served)[0].inputs["hold"] is False, "by their own means, they say"


def test_a_runner_that_died_is_handed_back_with_what_was_restored(served: Recovery) -> None:
    says(served)
    restored(backup="b9", done=True, detail="all of it")
    aws.client("ec2").terminate_instances(InstanceIds=served.world.live())
    ask(confirm=True)
    frozen = json.loads(served.world.answered[-1][2]["output"])
    assert [(step["action"], step["done"]) for step in frozen["steps"]] == [("restore onto the primary", True)]


# ---------------------------------------------------------------- given up again
def test_a_freeze_can_be_given_up_once_and_be_asked_for_again(served: Recovery) -> None:
    assert unfreeze()["confirmed"] is False and tasks(served) == [], "nothing is frozen"
    ask(confirm=True, hold=True)
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"))
    assert row_of(unfreeze(), "freeze") == {"step": "freeze", "state": "at work", "detail": "being un-frozen"}
    unfreeze()
    (task,) = tasks(served)
    assert (task.attempt, task.inputs["action"]) == (1, "unfreeze")
    status, answer = post("failback", BOB, confirm=True, hold=True)
    assert (status, "is being un-frozen" in answer["message"]) == (409, True)
    says(served)
    assert states(ask())["freeze"] == "to do"
    ask(confirm=True, hold=True)
    assert (tasks(served)[0].attempt, tasks(served)[0].inputs["action"]) == (2, "freeze")


def test_an_unfreeze_that_stopped_says_so_and_may_be_asked_for_again(served: Recovery) -> None:
    ask(confirm=True, hold=True)
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"))
    unfreeze()
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"), ("unfreeze", False, "the API is gone"))
    assert row_of(ask(), "freeze")["detail"] == "un-freezing: the API is gone"
    unfreeze()
    assert tasks(served)[0].attempt == 2


def test_what_is_being_handed_back_is_not_unfrozen(served: Recovery) -> None:
    ask(confirm=True)
    status, answer = post("unfreeze", BOB)
    assert (status, answer["error"]) == (409, "NothingToDecide") and "handing production back already" in answer["message"]
    says(served, ("freeze", True, "3 actions"), ("final backup", False, "no bucket"))
    unfreeze()
    assert tasks(served)[0].inputs["action"] == "unfreeze", "a hand-back that stopped can be given up"


def test_two_sites_never_run_the_app_the_primary_is_stopped_before_the_runner_goes_on(served: Recovery) -> None:
    ask(confirm=True, hold=True)
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"))
    restored(backup="b9", done=True, detail="all of it")
    status, answer = post("unfreeze", BOB)
    assert (status, answer["error"]) == (409, "PrimaryNotReady") and "--unfreeze --primary FILE" in answer["message"]
    unfreeze(stopped="3 action(s) on the primary")
    row = row_of(ask(), "restore onto the primary")
    assert row["state"] == "stopped" and "production has gone on since" in row["detail"]


def test_of_a_runner_that_died_nothing_is_unfrozen(served: Recovery) -> None:
    ask(confirm=True, hold=True)
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"))
    aws.client("ec2").terminate_instances(InstanceIds=served.world.live())
    status, answer = post("unfreeze", BOB)
    assert (status, answer["error"]) == (409, "NothingToDecide") and "is gone" in answer["message"]


def test_a_frozen_runs_page_has_a_button_that_gives_the_freeze_up_and_says_why_not(served: Recovery) -> None:
    bob, page = Browser().signed_in(BOB, Role.OPERATOR), f"/console/runs/{RUN_ID}"
    assert "Un-freeze" not in bob.open(page)
    ask(confirm=True, hold=True)
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"))
    restored(backup="b9", done=True, detail="all of it")
    assert "Un-freeze: production goes on here" in bob.open(page)
    assert "two sites would write" in bob.send(f"{page}/unfreeze")
    unfreeze(stopped="3 action(s)")
    assert "being un-frozen" in bob.open(page)
