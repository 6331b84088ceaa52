"""Another MiniStack than the one we wrote for is refused at start, with the names of what moved."""

import ministack.services.stepfunctions as sfn
import pytest

from relight.errors import EngineMismatch
from relight.local.aws import bridge


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> list[bridge.Target]:
    """The list of targets, emptied for the test."""
    mine: list[bridge.Target] = []
    monkeypatch.setattr(bridge, "load", lambda: mine)
    return mine


def test_every_target_fits_the_installed_ministack() -> None:
    found = bridge.load()
    assert len(found) > 40
    assert [fault for target in found if (fault := bridge.misfit(target))] == []


def test_a_moved_target_is_named_and_nothing_is_changed(
    targets: list[bridge.Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sfn._start_execution
    module = "ministack.services.stepfunctions"
    targets += [
        bridge.Patch(module, "_start_execution", ("data",), lambda original, data: None),
        bridge.Patch(module, "_stop_execution", ("data", "force"), lambda original, data: None),
        bridge.Use(module, "_no_such_thing"),
        bridge.Use("ministack.no_such_module", "anything"),
        bridge.Rewrite("ministack.core.lambda_runtime", "_PYTHON_WORKER_SCRIPT", "text that is not there", ""),
    ]
    with pytest.raises(EngineMismatch) as refused:
        bridge.install()
    said = str(refused.value)
    assert "MiniStack 1.5.33" in said
    assert "_stop_execution takes (data), not (data, force)" in said
    assert "_no_such_thing is gone" in said
    assert "no_such_module" in said
    assert "0 times, not once" in said
    assert "\n" not in said
    assert sfn._start_execution is before


def test_a_patch_reaches_the_tables_that_hold_its_target(
    targets: list[bridge.Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ministack.services import ec2

    monkeypatch.setattr(ec2, "_run_instances", ec2._run_instances)
    monkeypatch.setattr(ec2, "_ACTION_MAP", dict(ec2._ACTION_MAP))
    targets.append(
        bridge.Patch("ministack.services.ec2", "_run_instances", ("p",), lambda original, p: "ours", ("_ACTION_MAP",))
    )
    bridge.install()
    assert ec2._ACTION_MAP["RunInstances"]({}) == "ours"
    assert ec2._run_instances({}) == "ours"
