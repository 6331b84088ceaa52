"""What the functions and the agent carry: pinned, complete, nothing of the embedded engine, and the same bytes each time."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

from infra import bundling
from infra.bundling import AGENT, FUNCTION, LAMBDA, LOCAL, build, pack
from relight.errors import DownloadFailed, ToolMissing
from tests.infra.conftest import ROOT, Templates
from tests.infra.template import functions, only

UBUNTUS = {"24.04": "3.12"}  # the python3 of the runner's image
ELF_64_AARCH64 = (b"\x7fELF", 2, 0xB7)  # magic, class, machine
BUNDLES = pytest.mark.parametrize("bundle", [FUNCTION, AGENT], ids=lambda one: one.name)


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("b", "a"):
        content = tmp_path / name
        for file in ("z.py", "a/x.py") if name == "a" else ("a/x.py", "z.py"):
            (content / file).parent.mkdir(parents=True, exist_ok=True)
            (content / file).write_text("x = 1\n", encoding="utf-8")
        (content / "z.py").chmod(0o600 if name == "a" else 0o755)
        pack(content, tmp_path / f"{name}.zip")
        made.append((tmp_path / f"{name}.zip").read_bytes())
    assert made[0] == made[1]


@pytest.mark.slow
def test_a_package_that_cannot_be_had_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "infra/locks/function.txt"
    lock.parent.mkdir(parents=True)
    lock.write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    monkeypatch.setattr(bundling, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(DownloadFailed, match="function bundle: uv could not install it") as refused:
        build(FUNCTION, LOCAL)
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_uv_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(bundling, "find_uv_bin", missing)
    with pytest.raises(ToolMissing, match=r"use \./run"):
        bundling.uv()


# ---------------------------------------------------------------- the real bundles
@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    for bundle in (FUNCTION, AGENT):
        with zipfile.ZipFile(build(bundle, LOCAL)) as archive:
            archive.extractall(folder / bundle.name)
    return {bundle.name: folder / bundle.name for bundle in (FUNCTION, AGENT)}


def alone(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Runs code with the bundle as its only library."""
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_handler_starts_from_the_bundle_alone(unpacked: dict[str, Path]) -> None:
    handlers = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
    imports = "\n".join(f"from lambdas.{name}.handler import handler" for name in handlers)
    done = alone(unpacked["function"], imports)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_agent_starts_from_its_bundle_alone(unpacked: dict[str, Path]) -> None:
    code = "import relight.agent.agent, relight.agent.workbench, relight.backup.recipients\n"
    code += "from relight.agent.__main__ import main\nmain(['/nowhere.json'])"
    done = alone(unpacked["agent"], code)
    assert done.returncode == 0, done.stderr
    assert "/nowhere.json" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
@BUNDLES
def test_a_bundle_holds_nothing_that_it_is_not_for(unpacked: dict[str, Path], bundle: bundling.Bundle) -> None:
    folder = unpacked[bundle.name]
    official = "kubernetes/aio" if bundle is FUNCTION else "kubernetes"  # Promote reaches the old primary with it
    for left_out in (*bundle.without, "tests", "infra", "aws_cdk", "ministack", "bin", official, "boto3"):
        assert not (folder / left_out).exists()
    assert (folder / "lambdas").exists() == (bundle is FUNCTION)
    assert {path.name for path in (folder / "botocore/data").iterdir() if path.is_dir()} <= bundle.services
    assert all(len(list(path.iterdir())) == 1 for path in (folder / "botocore/data").iterdir() if path.is_dir())


@pytest.mark.slow
@pytest.mark.timeout(300)
@BUNDLES
def test_no_package_brings_its_tests(unpacked: dict[str, Path], bundle: bundling.Bundle) -> None:
    folder = unpacked[bundle.name]
    for pattern in ("*/tests", "*/test"):
        assert list(folder.glob(pattern)) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@BUNDLES
def test_for_aws_every_compiled_module_is_for_the_machine_and_python_that_run_it(
    templates: Templates, bundle: bundling.Bundle
) -> None:
    image = only(templates["runner"], "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["ImageId"]
    runtime = functions(templates["orchestrator"])["plan"]["Runtime"]
    python = {"function": runtime.removeprefix("python"), "agent": UBUNTUS[image.split("/")[6]]}[bundle.name]
    tag = f".cpython-{python.replace('.', '')}-aarch64-linux-gnu.so"
    with zipfile.ZipFile(build(bundle, LAMBDA)) as archive:
        compiled = {name: archive.read(name)[:20] for name in archive.namelist() if ".so" in name}
        assert not [name for name in archive.namelist() if name.endswith(".pyc")]
    assert {name.split("/")[0] for name in compiled} >= {"msgspec", "yaml", "zstandard"}
    assert [name for name in compiled if not name.endswith((tag, ".abi3.so"))] == []
    assert {(head[:4], head[4], int.from_bytes(head[18:20], "little")) for head in compiled.values()} == {ELF_64_AARCH64}


def called(adapters: Iterable[Path]) -> set[str]:
    """The services that adapters make a client of."""
    return {name for path in adapters for name in re.findall(r'(?:call|client)\(\s*"([a-z0-9-]+)"', path.read_text())}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_sdk_in_the_functions_bundle_knows_every_service_that_is_called(unpacked: dict[str, Path]) -> None:
    for_people = {"triggers.py", "console.py", "functions.py"}  # the CLI's, which runs with the whole SDK
    services = called(path for path in (ROOT / "relight/adapters").glob("*.py") if path.name not in for_people)
    assert {"s3", "dynamodb", "ec2", "stepfunctions"} <= services
    assert services <= {path.name for path in (unpacked["function"] / "botocore/data").iterdir()}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_sdk_in_the_agents_bundle_knows_every_service_that_it_calls(unpacked: dict[str, Path]) -> None:
    reached = grimp.build_graph("relight").find_upstream_modules("relight.agent", as_package=True)
    services = called(ROOT / f"{name.replace('.', '/')}.py" for name in reached if name.startswith("relight.adapters."))
    assert {"s3", "dynamodb", "stepfunctions"} <= services
    assert services <= {path.name for path in (unpacked["agent"] / "botocore/data").iterdir()}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_second_build_builds_nothing(unpacked: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "uv", lambda: shutil.which("false"))
    assert build(FUNCTION, LOCAL).exists()
