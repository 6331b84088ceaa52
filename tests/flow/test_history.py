"""A run's history is short and does not grow with the app: no state is entered for an object or a byte, and none polls."""

from tests.flow.asl import STATES
from tests.flow.test_asl import paths, ways

EVENTS = {"Task": 5, "Choice": 2, "Pass": 2, "Succeed": 2, "Fail": 1}  # entered, scheduled, started, succeeded, exited
MOST = 150


def test_the_only_way_back_is_to_the_next_rung_of_the_ladder() -> None:
    order = {name: max(len(path) - path.index(name) for path in paths("Begin") if name in path) for name in STATES}
    back = {(name, way) for name in STATES for way, _ in ways(name) if order[way] >= order[name]}
    assert all(way == "Launch" for _, way in back), back


def test_no_state_is_entered_for_each_of_many_things() -> None:
    assert {state["Type"] for state in STATES.values()} <= set(EVENTS)


def test_a_whole_recovery_leaves_few_events() -> None:
    longest = max(sum(EVENTS[STATES[name]["Type"]] for name in path) for path in paths("Begin"))
    assert 2 + longest <= MOST
