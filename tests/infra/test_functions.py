"""What a function is given is what its code asks for, no more and no less."""

import re
from dataclasses import fields

import pytest

from infra.functions import RECORD, SPECS, TOPICS
from relight.settings import FunctionSettings
from tests.infra.conftest import ROOT

KNOWN = {field.name for field in fields(FunctionSettings)}


def asked(name: str) -> set[str]:
    """The settings that the function's own code reads, and those that a step, a parameter or a teller reads for it."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "lambdas" / name).glob("*.py"))
    read = set(re.findall(r"\bsettings(?:\(\))?\.(\w+)", code)) & KNOWN
    signals = {"table"} if "health.read(" in code else set()  # AWS Health's events lie there
    signals |= set(TOPICS) if "Teller(" in code else set()
    return read | (set(RECORD) if "with step(" in code else set()) | signals | {"name"}


@pytest.mark.parametrize("name", SPECS)
def test_its_template_sets_what_its_code_reads(name: str) -> None:
    assert asked(name) == set(SPECS[name].settings)


def test_every_handler_is_deployed() -> None:
    assert {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")} == set(SPECS)
