"""One synthesis for all tests of the templates: the command a person types, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Templates = dict[str, dict[str, Any]]


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "assembly" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("assembly"))  # one synthesis, one worker


def synth(output: Path, *options: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    """``python app.py``, as ``./run synth`` calls it."""
    command = [sys.executable, str(ROOT / "app.py"), "--output", str(output), *options]
    environment = {**os.environ, "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": seed, "UV_SYSTEM_CERTS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def read(folder: Path) -> Templates:
    return {path.name.split(".")[0]: json.loads(path.read_text()) for path in sorted(folder.glob("*.template.json"))}


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assembly")
    done = synth(folder, "--platform", "local")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def templates(assembly: Path) -> Templates:
    return read(assembly)
