"""A runner boots: guarded before anything else, from pinned artifacts alone, and off at the first thing that is wrong."""

import itertools
import json
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from infra import user_data
from tests.infra.machine import AGENT, IMAGES, IMDS_TOKEN, K3S, SECRET, SESSION, boot, cloud, sha256, values

pytestmark = [pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed"), pytest.mark.slow]
HOUR = 3600


def test_a_runner_boots_with_the_dead_mans_switch_first(tmp_path: Path) -> None:
    runner = boot(tmp_path, cloud())
    assert runner.status == 0, runner.output
    started = [call.split()[-1] for call in runner.systemctl if call.startswith("enable --now")]
    assert started[0] == "relight-deadman.service"
    assert sorted(started[1:]) == ["relight-agent.service", "relight-k3s.service"]
    assert not runner.powered_off


def test_nothing_is_asked_of_the_network_before_the_switch_is_armed(tmp_path: Path) -> None:
    script = user_data.SCRIPT.read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if not line.lstrip().startswith("#")]
    armed = next(i for i, line in enumerate(commands) if line.startswith("enable_unit relight-deadman"))
    assert not any("curl" in line or "$IMDS/" in line for line in commands[:armed])


def test_the_agent_finds_its_configuration(tmp_path: Path) -> None:
    runner = boot(tmp_path, cloud())
    disk = runner.disk
    assert json.loads((disk / "etc/relight/agent.json").read_text()) == {
        "name": "relight",
        "region": "eu-central-1",
        "table": "runs",
        "role_id": "AROAEXAMPLE",
        "evidence_bucket": "evidence",
        "kubeconfig": f"{disk}/etc/rancher/k3s/k3s.yaml",
        "data_dir": f"{disk}/var/lib/relight",
        "expiry_file": f"{disk}/var/lib/relight/expiry",
    }


def test_its_programs_are_the_pinned_ones(tmp_path: Path) -> None:
    runner = boot(tmp_path, cloud())
    k3s = runner.disk / "usr/local/bin/k3s"
    assert k3s.read_bytes() == K3S
    assert k3s.stat().st_mode & 0o111
    assert runner.has("opt/relight/agent/relight/agent/__main__.py")
    assert f"{k3s} server " in runner.unit("relight-k3s")
    assert "--disable traefik,servicelb,metrics-server" in runner.unit("relight-k3s")
    assert f"Environment=PYTHONPATH={runner.disk}/opt/relight/agent" in runner.unit("relight-agent")
    assert f"-m relight.agent {runner.disk}/etc/relight/agent.json" in runner.unit("relight-agent")
    assert "Restart=on-failure" in runner.unit("relight-agent")


def test_its_requests_are_signed_as_s3_wants_them(tmp_path: Path) -> None:
    there = cloud()
    boot(tmp_path, there)
    assert there.refused == []
    assert len([path for path in there.asked if path.startswith("GET /assets/")]) == 3


def test_a_large_artifact_comes_over_several_connections_and_is_proven_as_one(tmp_path: Path) -> None:
    large, there = random.Random(7).randbytes(9 * 2**20 + 1), cloud()
    there.objects[f"/assets/{sha256(K3S)}"] = large
    runner = boot(tmp_path, there, K3S_SHA256=sha256(large))
    assert (runner.status, there.refused) == (0, []), runner.output
    assert there.asked.count(f"GET /assets/{sha256(K3S)}") == 3
    assert (runner.disk / "usr/local/bin/k3s").read_bytes() == large
    assert [path.name for path in (runner.disk / "usr/local/bin").iterdir()] == ["k3s"]


def test_a_large_artifact_of_which_one_part_is_wrong_ends_the_machine(tmp_path: Path) -> None:
    large, there = random.Random(7).randbytes(9 * 2**20 + 1), cloud()
    there.objects[f"/assets/{sha256(K3S)}"] = large[:-1] + b"?"
    runner = boot(tmp_path, there, K3S_SHA256=sha256(large))
    assert (runner.status != 0, runner.powered_off) == (True, True)
    assert not runner.has("usr/local/bin/k3s")


def test_no_secret_is_an_argument_or_a_line_of_the_log(tmp_path: Path) -> None:
    runner = boot(tmp_path, cloud())
    for secret in (SECRET, SESSION, IMDS_TOKEN):
        assert secret not in runner.arguments
        assert secret not in runner.output


def test_only_its_owner_reads_what_it_left_on_disk(tmp_path: Path) -> None:
    runner = boot(tmp_path, cloud())
    assert (runner.disk / "etc/relight/agent.json").stat().st_mode & 0o077 == 0


def test_the_clusters_own_images_are_in_place_before_it_starts(tmp_path: Path) -> None:
    folder = tmp_path / "disk/var/lib/rancher/k3s/agent/images"
    seen = tmp_path / "seen"
    boot(tmp_path, cloud(), init=f'case "$*" in *relight-k3s*) ls {folder} > {seen} ;; esac')
    assert seen.read_text(encoding="utf-8").split() == ["k3s.tar.zst"]
    assert (folder / "k3s.tar.zst").read_bytes() == IMAGES


def test_without_pinned_images_the_cluster_starts_and_pulls_them_itself(tmp_path: Path) -> None:
    runner = boot(tmp_path, cloud(), IMAGES_BUCKET="", IMAGES_KEY="", IMAGES_SHA256="")
    assert (runner.status, runner.powered_off) == (0, False)
    assert runner.has("etc/systemd/system/relight-k3s.service") and not runner.has("var/lib/rancher")


@pytest.mark.parametrize("wrong", ["K3S", "IMAGES", "AGENT"])
def test_an_artifact_with_another_digest_ends_the_machine(tmp_path: Path, wrong: str) -> None:
    runner = boot(tmp_path, cloud(), **{f"{wrong}_SHA256": "0" * 64})
    assert runner.status != 0
    assert runner.powered_off
    assert "is not the pinned artifact" in runner.output
    file, unit = {
        "K3S": ("usr/local/bin/k3s", "k3s"),
        "IMAGES": ("var/lib/rancher/k3s/agent/images/k3s.tar.zst", "k3s"),
        "AGENT": ("opt/relight/agent.zip", "agent"),
    }[wrong]
    assert not runner.has(file)
    assert not runner.has(f"etc/systemd/system/relight-{unit}.service")


def test_a_missing_artifact_ends_the_machine(tmp_path: Path) -> None:
    runner = boot(tmp_path, cloud(), AGENT_KEY="elsewhere.zip")
    assert (runner.status != 0, runner.powered_off) == (True, True)
    assert "s3://assets/elsewhere.zip could not be fetched" in runner.output


def test_a_transfer_that_breaks_is_taken_up_again(tmp_path: Path) -> None:
    there = cloud()
    there.cut = [f"/assets/{sha256(AGENT)}.zip"] * 2
    runner = boot(tmp_path, there)
    assert (runner.status, runner.powered_off) == (0, False), runner.output
    assert there.cut == []


def test_a_transfer_that_keeps_breaking_ends_the_machine(tmp_path: Path) -> None:
    there = cloud()
    there.cut = [f"/assets/{sha256(AGENT)}.zip"] * 9
    runner = boot(tmp_path, there)
    assert (runner.status != 0, runner.powered_off) == (True, True)
    assert "could not be fetched" in runner.output
    assert len(there.cut) == 6


def test_no_transfer_may_stall_unnoticed(tmp_path: Path) -> None:
    arguments = boot(tmp_path, cloud()).arguments
    assert "--speed-time\n10" in arguments
    assert "--retry-max-time\n60" in arguments


def test_a_machine_whose_switch_cannot_be_armed_ends_at_once(tmp_path: Path) -> None:
    there = cloud()
    runner = boot(tmp_path, there, init='[ "$1" != enable ]')
    assert (runner.status != 0, runner.powered_off) == (True, True)
    assert there.asked == []


def test_an_agent_that_is_no_archive_ends_the_machine(tmp_path: Path) -> None:
    there, given = cloud(), values()
    there.objects[f"/assets/{given['AGENT_KEY']}"] = K3S
    runner = boot(tmp_path, there, AGENT_SHA256=given["K3S_SHA256"])
    assert (runner.status != 0, runner.powered_off) == (True, True)
    assert not runner.has("etc/systemd/system/relight-agent.service")


@pytest.mark.slow
def test_a_silent_metadata_service_ends_the_machine(tmp_path: Path) -> None:
    there = cloud()
    there._metadata = lambda *_: None  # type: ignore[method-assign]
    runner = boot(tmp_path, there)
    assert (runner.status != 0, runner.powered_off) == (True, True)


# ---------------------------------------------------------------- how long it lives
def test_a_runner_lives_for_its_hold_when_no_tag_can_be_read(tmp_path: Path) -> None:
    runner = boot(tmp_path, cloud(), HOLD=str(2 * HOUR))
    assert runner.expiry == pytest.approx(time.time() + 2 * HOUR, abs=30)
    assert "no readable relight:expires-at tag" in runner.output


def test_its_tag_shortens_its_life(tmp_path: Path) -> None:
    soon = int(time.time()) + 600
    assert boot(tmp_path, cloud(relight__expires_at=str(soon))).expiry == soon


@pytest.mark.parametrize("tag", ["99999999999", "2099-01-01T00:00:00Z", "99999999999999999999", "-1", ""])
def test_no_tag_lengthens_its_life(tmp_path: Path, tag: str) -> None:
    runner = boot(tmp_path, cloud(relight__expires_at=tag))
    assert runner.expiry <= time.time() + 21_600
    assert runner.status == 0


# ---------------------------------------------------------------- units
@pytest.mark.parametrize("name", ["deadman", "k3s", "agent"])
def test_a_unit_restarts_without_end_and_survives_a_reboot(tmp_path: Path, name: str) -> None:
    """systemd alone would give up on a unit that failed five times in ten seconds."""
    runner = boot(tmp_path, cloud())
    unit = runner.unit(f"relight-{name}")
    assert re.search(r"^Restart=(always|on-failure)$", unit, flags=re.MULTILINE)
    assert "StartLimitIntervalSec=0" in unit.partition("[Service]")[0]
    assert "WantedBy=multi-user.target" in unit
    assert ("After=network-online.target" in unit) == ("Wants=network-online.target" in unit)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["deadman", "k3s", "agent"])
def test_systemd_understands_every_line_of_a_unit(tmp_path: Path, name: str) -> None:
    runner = boot(tmp_path, cloud())
    path = runner.disk / f"etc/systemd/system/relight-{name}.service"
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if f"relight-{name}" in line] == []


# ---------------------------------------------------------------- the script itself
def test_bash_and_shellcheck_have_nothing_to_say(tmp_path: Path) -> None:
    switch = boot(tmp_path, cloud()).disk / "usr/local/lib/relight/deadman.sh"  # a text within the script, to shellcheck
    checks = [["bash", "-n"]] + ([["shellcheck"]] if shutil.which("shellcheck") else [])
    for check, script in itertools.product(checks, (tmp_path / "user-data", switch)):
        done = subprocess.run([*check, script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_value_that_is_missing_or_unknown_is_named() -> None:
    given = values(EXTRA="1")
    del given["TABLE"]
    with pytest.raises(ValueError, match=r"EXTRA, TABLE"):
        user_data.render(given)


def test_it_fits_with_room_to_spare() -> None:
    assert len(user_data.render(values()).encode()) + 2_000 < user_data.LIMIT
