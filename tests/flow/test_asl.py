"""The state machine's file: it parses, it hangs together, and no way through it skips Teardown and Report."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonata import Jsonata

from relight import errors
from relight.configfile import load
from relight.model import Phase, RunRequest, encode, run_request
from tests.flow.asl import ASL, ROOT, STATES, evaluate

TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
ENDS = {name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail")}
CALLBACKS = {"Restore", "Validate", "Approve", "Promote", "Serve"}
VARIABLE = re.compile(r"\$([a-z][a-z_]*)\b(?!\()")
LAMBDA = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}

CUT_OFF = {"Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"}  # the last two states are tried again even then


def expressions(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("{%"):
        yield value.removeprefix("{%").removesuffix("%}").strip()
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from expressions(each)


def variables(value: Any) -> set[str]:
    return {name for text in expressions(value) for name in VARIABLE.findall(text)} - {"states"}


def ways(name: str) -> Iterator[tuple[str, set[str]]]:
    """(next state, variables assigned on the way) for each way out of a state."""
    state = STATES[name]
    if "Next" in state:
        yield state["Next"], set(state.get("Assign", {}))
    for branch in [*state.get("Choices", []), *state.get("Catch", [])]:
        yield branch["Next"], set(branch.get("Assign", {}))
    if "Default" in state:
        yield state["Default"], set(state.get("Assign", {}))


def paths(start: str, seen: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every path without a loop from a state to an end."""
    here = (*seen, start)
    if start in ENDS:
        yield here
    for following in {way for way, _ in ways(start)} - set(here):
        yield from paths(following, here)


@pytest.mark.parametrize("expression", sorted(set(expressions(ASL))))
def test_every_expression_parses(expression: str) -> None:
    Jsonata(expression)


def test_every_state_is_there_and_is_reached() -> None:
    reached, todo = set(), {ASL["StartAt"]}
    while todo:
        reached |= (here := {todo.pop()})
        todo |= {following for name in here for following, _ in ways(name)} - reached
    assert reached == set(STATES)


def test_every_phase_is_a_task_under_its_own_name_that_calls_its_own_function() -> None:
    assert set(TASKS) == {phase.value.capitalize() for phase in Phase}
    for name, task in TASKS.items():
        assert task["Arguments"]["FunctionName"] == f"${{{name.lower()}_arn}}"
        assert set(task["Arguments"]["Payload"]) >= {"run", "attempt"}


def test_exactly_the_callback_states_hand_out_a_token() -> None:
    waiting = {name for name, task in TASKS.items() if task["Resource"].endswith(".waitForTaskToken")}
    assert waiting == CALLBACKS
    assert {name for name, task in TASKS.items() if "task_token" in task["Arguments"]["Payload"]} == CALLBACKS


def test_every_variable_is_assigned_on_all_paths_that_reach_it() -> None:
    known: dict[str, set[str] | None] = dict.fromkeys(STATES)
    todo: list[tuple[str, set[str]]] = [(ASL["StartAt"], set())]
    while todo:
        name, given = todo.pop()
        before = known[name]
        now = given if before is None else before & given
        if now != before:
            known[name] = now
            todo += [(following, now | assigned) for following, assigned in ways(name)]
    unassigned = {name: missing for name, state in STATES.items() if (missing := variables(state) - (known[name] or set()))}
    assert unassigned == {}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_a_timeout_a_bounded_retry_and_a_catch_of_everything(name: str) -> None:
    task = TASKS[name]
    assert "TimeoutSeconds" in task
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert all(0 < retry["MaxAttempts"] <= 40 and retry["IntervalSeconds"] >= 1 for retry in task["Retry"])


@pytest.mark.parametrize("name", sorted(TASKS))
def test_only_errors_that_may_pass_are_retried(name: str) -> None:
    named = {error for retry in TASKS[name]["Retry"] for error in retry["ErrorEquals"]} - LAMBDA
    named -= CUT_OFF if name in ("Teardown", "Report") else set()
    assert all(issubclass(getattr(errors, error), errors.RetryableError) for error in named)


@pytest.mark.parametrize("start", ["Plan", "Launch", "Restore", "Validate", "Approve", "Promote", "Serve", "Failback"])
def test_every_path_from_a_phase_that_holds_something_goes_through_teardown_and_report(start: str) -> None:
    for path in paths(start):
        assert "Teardown" in path, path
        assert path.index("Teardown") < path.index("Report") < len(path) - 1, path


def test_a_failed_teardown_still_reports_and_a_failed_report_is_an_end_of_its_own() -> None:
    assert [catch["Next"] for catch in TASKS["Teardown"]["Catch"]] == ["Report"]
    assert [catch["Next"] for catch in TASKS["Report"]["Catch"]] == ["ReportFailed"]


@pytest.mark.parametrize("name", sorted(set(TASKS) - {"Report"}))
def test_every_caught_error_says_which_phase_failed_or_is_an_expiry(name: str) -> None:
    for catch in TASKS[name]["Catch"]:
        failure = catch["Assign"].get("failure")
        if isinstance(failure, dict):
            assert failure["phase"] == name
        else:
            assert name == "Teardown" or (name == "Approve" and catch["Assign"] == {"outcome": "Expired"})


def test_the_deadlines_of_callback_states_come_from_the_plan() -> None:
    for name in CALLBACKS:
        assert "$plan.deadlines." in TASKS[name]["TimeoutSeconds"]
    beating = {name for name in CALLBACKS if "HeartbeatSeconds" in TASKS[name]}
    assert beating == {"Restore", "Validate", "Promote"}


def test_serve_gives_up_before_the_engine_ends_the_execution_without_a_teardown() -> None:
    year = 365 * 86_400
    assert evaluate(TASKS["Serve"]["TimeoutSeconds"], plan={"deadlines": {"serve": year}}) < year < ASL["TimeoutSeconds"]


CONTEXT = {"Execution": {"Name": "r", "StartTime": "t", "Id": "arn"}}


def begin(given: dict[str, Any]) -> Any:
    states = {"input": given, "context": CONTEXT}
    return evaluate(STATES["Begin"]["Assign"]["run"], states=states)


def test_an_app_alone_is_enough_of_an_input_and_its_defaults_are_the_models() -> None:
    usual = encode(RunRequest(app="ledger"))
    assert begin({"app": "ledger"}) == {**usual, "run_id": "r", "started_at": "t", "execution_arn": "arn"}


def test_nobody_can_give_a_run_the_identity_of_another_one() -> None:
    assert begin({"app": "ledger", "run_id": "forged"})["run_id"] == "r"


def test_the_sample_input_is_a_run_request_for_the_sample_configuration() -> None:
    sample = json.loads((ROOT / "stepfunctions/sample-input.json").read_text(encoding="utf-8"))
    assert load(ROOT / "relight.toml").app(run_request(sample).app)


def follow(name: str, **known: Any) -> tuple[str, Any]:
    """(next state, outcome) that a Choice comes to."""
    usual = {"run": begin({"app": "a", **known.pop("request", {})}), "rung": 0, "plan": {"rungs": 2, "adopted": None}}
    state, known = STATES[name], {**usual, **known}
    for rule in state["Choices"]:
        if evaluate(rule["Condition"], **known):
            return rule["Next"], outcome(rule, known)
    return state["Default"], outcome(state, known)


def outcome(branch: dict[str, Any], known: dict[str, Any]) -> Any:
    found = branch.get("Assign", {}).get("outcome")
    return evaluate(found, **known) if isinstance(found, str) and found.startswith("{%") else found


PASSED, DRILL = {"verdict": "PASSED"}, {"mode": "drill"}
ROUTES = [
    ("Detected", {"detection": {"proceed": False}}, ("Report", "Healthy")),
    ("Detected", {"detection": {"proceed": True}}, ("Plan", None)),
    ("Planned", {}, ("Launch", None)),
    ("Planned", {"request": {"start_at": "restore"}}, ("Restore", None)),
    ("Planned", {"request": {"start_at": "validate"}}, ("Validate", None)),
    ("Planned", {"request": {"start_at": "teardown"}}, ("Teardown", "Succeeded")),
    ("Launched", {}, ("Restore", None)),
    ("Launched", {"request": {"stop_after": "launch"}}, ("Teardown", "Held")),
    ("Restored", {"request": {"stop_after": "restore"}}, ("Teardown", "Held")),
    ("NextRung", {}, ("Launch", None)),
    ("NextRung", {"rung": 1}, ("Teardown", None)),
    ("NextRung", {"plan": {"rungs": 9, "adopted": {"instance_id": "i"}}}, ("Teardown", None)),
    ("Validated", {"validation": PASSED}, ("Approve", None)),
    ("Validated", {"validation": PASSED, "request": DRILL}, ("Teardown", "Succeeded")),
    ("Validated", {"validation": PASSED, "request": DRILL | {"teardown": False}}, ("Teardown", "Held")),
    ("Validated", {"validation": PASSED, "request": DRILL | {"rehearse_approval": True}}, ("Approve", None)),
    ("Validated", {"validation": PASSED, "request": {"stop_after": "validate"}}, ("Teardown", "Held")),
    *[
        ("Validated", {"validation": answer, "request": request}, ("Teardown", "Failed"))
        for answer in (*({"verdict": v} for v in ("FAILED", "TIMED_OUT", "COULD_NOT_VERIFY", "passed", None)), {}, None)
        for request in ({}, DRILL)
    ],
    ("Detected", {"detection": {}}, ("Report", "Healthy")),
    ("Decided", {"approval": {"decided": "approved"}}, ("Promote", None)),
    ("Decided", {"approval": {"decided": "approved"}, "request": DRILL}, ("Teardown", "Succeeded")),
    ("Decided", {"approval": {"decided": "rejected"}}, ("Teardown", "Rejected")),
    ("Decided", {"approval": {}}, ("Teardown", "Rejected")),
    *[("Ended", {"states": {"input": {"outcome": end}}}, (end, None)) for end in sorted(ENDS - {"ReportFailed"})],
]


@pytest.mark.parametrize(("state", "known", "expected"), ROUTES)
def test_where_a_run_goes(state: str, known: dict[str, Any], expected: tuple[str, Any]) -> None:
    assert follow(state, **known) == expected


@pytest.mark.parametrize(("error", "expected"), [("Preempted", "Preempted"), ("RunnerLost", "Failed")])
def test_a_preempted_drill_is_not_a_failed_one(error: str, expected: str) -> None:
    assert outcome(TASKS["Validate"]["Catch"][-1], {"states": {"errorOutput": {"Error": error}}}) == expected


def test_the_first_failure_is_the_one_that_is_reported() -> None:
    text = TASKS["Teardown"]["Catch"][-1]["Assign"]["failure"]
    states = {"errorOutput": {"Error": "Throttled"}}
    first = {"phase": "Plan", "error": "X", "cause": ""}
    assert evaluate(text, states=states, failure=first) == first
    assert evaluate(text, states=states, failure=None)["phase"] == "Teardown"


def test_the_tries_of_one_phase_are_numbered_apart_on_every_rung() -> None:
    text = TASKS["Launch"]["Arguments"]["Payload"]["attempt"]
    most = sum(retry["MaxAttempts"] for retry in TASKS["Launch"]["Retry"])
    states = {"context": {"State": {"RetryCount": most}}}
    assert evaluate(text, rung=0, states=states) < evaluate(text, rung=1, states={"context": {"State": {"RetryCount": 0}}})
