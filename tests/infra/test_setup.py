"""A newcomer's first command: ``./run`` makes its environment, and a package index that stumbles costs a try, not a hang."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.conftest import ROOT
from tests.infra.machine import tool

# An interpreter whose venv holds itself and, once pip has "installed" it, a uv. Each fails as often as its file says.
PYTHON = """\
echo "${{0##*/}} $*" >> {folder}/calls.log
fails() {{ left=$(cat {folder}/$1 2>/dev/null || echo 0); echo $((left - 1)) > {folder}/$1; [ "$left" -gt 0 ]; }}
case "$*" in
  *--version) echo "Python 3.11.0" ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/uv" ;;
  "-m pip "*) if fails pip; then echo "pip: no route to host" >&2; exit 1; fi ;;
  "pip sync "*) if fails uv; then echo "uv: no route to host" >&2; exit 1; fi ;;
esac
"""
HASH = f"    --hash=sha256:{'0' * 64} \\\n"
UV = f"uv==1.0 \\\n{HASH}"


def run(folder: Path, *, pip: int = 0, uv: int = 0) -> subprocess.CompletedProcess[str]:
    """``./run relight`` in a fresh checkout; ``pip`` and ``uv`` fail so many times."""
    shutil.copy(ROOT / "run", folder / "run")
    (folder / "requirements.lock").write_text(f"{UV}zstandard==1.0 \\\n{HASH * 5000}", encoding="utf-8")
    (folder / "pyproject.toml").touch()
    (folder / "pip").write_text(str(pip), encoding="utf-8")
    (folder / "uv").write_text(str(uv), encoding="utf-8")
    tool(folder / "python", PYTHON.format(folder=folder))
    tool(folder / "sleep", "true")
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "PYTHON": str(folder / "python")}
    command = [folder / "run", "relight", "--version"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def calls(folder: Path, words: str) -> list[str]:
    return [line for line in (folder / "calls.log").read_text(encoding="utf-8").splitlines() if words in line]


def test_a_first_start_says_each_step_and_a_second_is_quick(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert first.returncode == 0, first.stderr
    for says in ("first use: making .venv", "installing uv", "installing 2 packages", "set up in"):
        assert says in first.stderr
    assert (tmp_path / ".venv/uv.txt").read_text(encoding="utf-8") == UV
    assert "[relight]" not in run(tmp_path).stderr
    assert len(calls(tmp_path, "pip sync")) == 1


@pytest.mark.parametrize("stumbles", [{"pip": 1}, {"uv": 1}, {"pip": 2, "uv": 2}], ids=str)
def test_an_index_that_stumbles_is_asked_again(tmp_path: Path, stumbles: dict[str, int]) -> None:
    done = run(tmp_path, **stumbles)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("trying again") == sum(stumbles.values())


@pytest.mark.parametrize(("down", "what"), [({"pip": 99}, "uv could not be installed"), ({"uv": 99}, "packages could not")])
def test_an_index_that_is_down_ends_the_set_up_with_what_to_do(tmp_path: Path, down: dict[str, int], what: str) -> None:
    done = run(tmp_path, **down)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("relight: set-up: ")
    assert what in last
    assert "check the network" in last
    assert len(calls(tmp_path, "-m pip") if "pip" in down else calls(tmp_path, "pip sync")) == 3


def test_no_single_request_of_the_set_up_can_hang(tmp_path: Path) -> None:
    run(tmp_path)
    (asked,) = calls(tmp_path, "-m pip")
    assert re.search(r"--timeout \d\d? --retries \d ", asked)
    assert re.search(r"UV_HTTP_TIMEOUT=\d\d?\b", (ROOT / "run").read_text(encoding="utf-8"))


def test_the_cdk_command_line_is_one_exact_version() -> None:
    assert re.search(r"aws-cdk@\d+\.\d+\.\d+ ", (ROOT / "run").read_text(encoding="utf-8"))
