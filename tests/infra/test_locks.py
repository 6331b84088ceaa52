"""Three locks, one truth: what is tested here is what runs there, digest by digest."""

import re
import tomllib

import pytest

from infra import lock
from infra.lock import LOCKS, WANTED, command
from tests.infra.conftest import ROOT


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, flags=re.MULTILINE))


EVERYTHING = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["function", "agent"])
def test_a_bundle_carries_the_versions_that_are_tested(name: str) -> None:
    carried = pins((LOCKS / f"{name}.txt").read_text(encoding="utf-8"))
    assert carried
    assert {package: version for package, version in carried.items() if EVERYTHING.get(package) != version} == {}


@pytest.mark.parametrize(("name", "extra"), [("function", None), ("agent", "agent")])
def test_a_bundle_carries_all_that_the_project_says_it_needs(name: str, extra: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    names = {re.match(r"[a-z0-9-]+", one)[0] for one in wanted}  # type: ignore[index]
    assert names <= set(pins((LOCKS / f"{name}.txt").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", WANTED, ids=lambda path: path.name)
def test_every_pin_has_a_digest_and_no_lock_names_an_index(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    pinned = re.findall(r"^\S+==.*$", text, flags=re.MULTILINE)
    with_digest = re.findall(r"^\S+==.*\n\s+--hash=sha256:", text, flags=re.MULTILINE)
    assert len(pinned) == len(with_digest)
    assert "://" not in text


def test_a_lock_is_renewed_for_every_platform_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "uv", lambda: "uv")
    made = command(LOCKS / "agent.txt", ["--extra", "agent"])
    assert made[:3] == ["uv", "pip", "compile"]
    assert {"--universal", "--generate-hashes", "--no-emit-index-url"} <= set(made)
    assert made[-4:] == ["agent", "pyproject.toml", "-o", "infra/locks/agent.txt"]
