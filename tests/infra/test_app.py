"""`python app.py` with input that is wrong: every fault at once, one line each, status 2, nothing written."""

from pathlib import Path

import pytest

from tests.infra.conftest import ROOT, synth


def test_every_wrong_field_is_named(tmp_path: Path) -> None:
    config, output = tmp_path / "relight.toml", tmp_path / "out"
    text = (ROOT / "relight.toml").read_text(encoding="utf-8")
    config.write_text(text.replace('cron = "0 4 * * 1"', 'cron = "soon"').replace("disk_gib = 40", "disk_gib = 0"))
    done = synth(output, "--config", str(config))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[0].startswith(f"relight: {config}: 2 wrong field(s)")
    assert "  runner.disk_gib: " in done.stderr
    assert "  apps[0].drill.cron: 'soon' must be a five-field cron expression" in done.stderr
    assert not output.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = synth(tmp_path / "out", "--config", "nowhere.toml")
    assert done.returncode == 2
    assert "nowhere.toml" in done.stderr


@pytest.mark.slow
def test_a_drill_that_scheduler_cannot_say_stops_synth(tmp_path: Path) -> None:
    config = tmp_path / "relight.toml"
    text = (ROOT / "relight.toml").read_text(encoding="utf-8")
    config.write_text(text.replace('cron = "0 4 * * 1"', 'cron = "0 4 1 * 1"'))
    done = synth(tmp_path / "out", "--config", str(config), "--platform", "local")
    assert done.returncode == 2
    assert "day of month and day of week cannot both be given" in done.stderr
    assert "Traceback" not in done.stderr
