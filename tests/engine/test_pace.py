"""A simulated boot takes as long as it is told to, counted from RunInstances."""

import time
from pathlib import Path

import pytest

from relight.local.instances.machine import Machine, Orders


@pytest.mark.parametrize(("ago", "left"), [(0.0, 2.0), (1.0, 1.0), (60.0, 0.0)])
def test_what_the_process_took_to_start_is_a_part_of_the_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ago: float, left: float
) -> None:
    monkeypatch.chdir(tmp_path)  # it changes to its home
    facts = dict.fromkeys(("instance_id", "instance_type", "image_id", "zone", "region", "account", "private_ip"), "x")
    asked_at = time.time() - ago
    orders = Orders(
        **facts, user_data="", profile_arn="", tags_in_metadata=False, home=str(tmp_path), endpoint="http://127.0.0.1:1",
        boot_seconds=2.0, asked_at=asked_at,
    )  # fmt: skip
    machine, waited = Machine(orders), list[float]()
    monkeypatch.setattr(machine._off, "wait", waited.append)
    machine.boot()
    assert waited == [pytest.approx(left, abs=0.5)]
