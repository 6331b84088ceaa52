"""A simulated boot, and a cluster's simulated start, take as long as they are told to, counted from when it was asked."""

import time
from pathlib import Path

import pytest

from relight.local.cluster.__main__ import arguments
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


def test_what_a_clusters_process_took_to_start_is_a_part_of_its_start(tmp_path: Path) -> None:
    words = ["--data", str(tmp_path), "--kubeconfig", str(tmp_path / "config"), "--start-seconds", "3", "--asked-at", "100"]
    assert arguments(words).answers_at == 103.0
