"""The project's habits, as tests: documents that must not lag behind the code."""

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from relight import errors
from relight.config import Signal, Validator
from relight.misfits import KINDS
from relight.model import Phase, Verdict
from relight.promoteconfig import PromoteAction
from relight.promotion.acting import KINDS as ACTIONS
from relight.recovery.validators import REGISTRY
from tests import secret_scan

ROOT = Path(__file__).parent.parent


def family(base: type[errors.RelightError]) -> list[type[errors.RelightError]]:
    """The tree as it is in ``relight.errors``: tests have errors of their own."""
    own = [sub for sub in base.__subclasses__() if sub.__module__ == errors.__name__]
    return [base, *(leaf for sub in own for leaf in family(sub))]


def test_every_error_has_its_own_code_and_a_row_in_the_errors_page() -> None:
    tree = family(errors.RelightError)
    codes = [error.code for error in tree]
    assert len(codes) == len(set(codes))
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    missing = [error.__name__ for error in tree if not re.search(rf"\| {error.code} \| `{error.__name__}` \|", page)]
    assert missing == []


def test_the_errors_page_has_no_row_of_an_error_that_is_gone() -> None:
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| R\d+ \| `(\w+)` \|", page, flags=re.MULTILINE))
    assert listed <= {error.__name__ for error in family(errors.RelightError)}


def test_every_error_is_retryable_or_final() -> None:
    families = {*family(errors.RetryableError), *family(errors.FinalError), errors.RelightError}
    assert set(family(errors.RelightError)) == families


def test_a_phase_has_one_name_everywhere() -> None:
    folders = {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")}
    assert {phase.value for phase in Phase} <= folders
    assert folders - {phase.value for phase in Phase} <= {"probe", "arrive", "catalog", "check", "console", "reap", "tend"}


def kinds(record: type) -> set[str]:
    return set(get_args(get_type_hints(record)["kind"]))


def test_a_validators_kind_has_one_name_everywhere() -> None:
    assert kinds(Validator) == set(KINDS["validators"]) == set(REGISTRY)
    assert {kind: check.__module__.rpartition(".")[2] for kind, check in REGISTRY.items()} == {one: one for one in REGISTRY}
    assert kinds(Signal) == set(KINDS["signals"])
    assert kinds(PromoteAction) == set(KINDS["promote"]) == set(ACTIONS)


@pytest.mark.parametrize("kind", sorted(kinds(Validator)))
def test_a_validator_is_tested_for_every_verdict_it_may_give(kind: str) -> None:
    """That none outlives its deadline is a test of the frame around them all."""
    tests = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests/recovery").glob("test_*.py")}
    its = [text for name, text in tests.items() if name.startswith(f"test_{kind}") or f'kind="{kind}"' in text]
    wanted = (Verdict.PASSED, Verdict.FAILED, Verdict.COULD_NOT_VERIFY)
    assert [one.name for one in wanted if not any(f"Verdict.{one.name}" in text for text in its)] == []


def test_every_dependency_has_its_line_in_the_dependencies_page() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    groups = project.split("[project.scripts]")[0]
    names = re.findall(r'^    "([a-z0-9-]+)|(?<=\[")([a-z0-9-]+)', groups, flags=re.MULTILINE | re.IGNORECASE)
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").lower()
    missing = [name for pair in names for name in pair if name and f"| {name.lower()} |" not in page]
    assert missing == []


SECRETS = {  # each in two halves, so that this file is none itself
    "an access key": ("KEY = 'AKIA", "IOSFODNN7EXAMPLF'"),
    "a role's access key": ("KEY = 'ASIA", "IOSFODNN7EXAMPLF'"),
    "a secret key": ("aws_secret_access_key = 'wJalrXUtnFEMI/", "K7MDENG/bPxRfiCYEXAMPLEKEY'"),
    "a private key": ("-----BEGIN ", "PRIVATE KEY-----"),
    "a task token": ('{"task_token": "AAAAKgAAAAIAAA', 'AAAAAAAdx2bGK0qvEuQ5YpzNFrNHZGiSZ1SkXb6/1zPmSNw=="}'),
    "a password in an address": ("https://admin:", "hunter2-of-old@example.com/"),
}


@pytest.mark.parametrize("kind", SECRETS)
def test_the_secret_scan_finds_a_planted_secret_and_never_repeats_it(tmp_path: Path, kind: str) -> None:
    planted = tmp_path / "notes.txt"
    planted.write_text("".join(SECRETS[kind]) + "\n", encoding="utf-8")
    findings = secret_scan.scan([str(planted)])
    assert findings
    assert not any(SECRETS[kind][1] in line for line in findings)


def test_a_receipts_digest_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_text('{"previous_sha256": "' + "0123456789abcdef" * 4 + '"}\n', encoding="utf-8")
    assert secret_scan.scan([str(tmp_path / "receipt.json")]) == []


TOP_LEVEL = "app.py cdk.json relight.toml Makefile run .ci/run CHANGELOG.md CONTRIBUTING.md"


@pytest.mark.parametrize("name", TOP_LEVEL.split())
def test_the_top_level_holds_what_the_readme_promises(name: str) -> None:
    assert (ROOT / name).is_file()


# One tree and one set of records are worth a longer page; nothing else is.
LONG_BY_DESIGN = {"relight/errors.py", "relight/model.py"}


def test_files_stay_small_enough_to_read_in_one_sitting() -> None:
    sources = [p for folder in ("relight", "lambdas", "infra", "tests") for p in (ROOT / folder).rglob("*.py")]
    lines = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in sources}
    assert {name: n for name, n in lines.items() if n > 250 and name not in LONG_BY_DESIGN} == {}


def test_records_are_changed_by_the_one_replace_that_takes_both_kinds() -> None:
    """The one of ``dataclasses`` refuses structs only when it runs, and mypy takes it for right."""
    ours = [path for folder in ("relight", "lambdas") for path in (ROOT / folder).rglob("*.py") if "local" not in path.parts]
    wrong = [path for path in ours if re.search(r"^from dataclasses import .*\breplace\b", path.read_text("utf-8"), re.M)]
    assert [str(path.relative_to(ROOT)) for path in wrong] == []
