"""``relight check`` as a person reads it at night, and as a script does."""

import json
from typing import Any

import pytest

from relight.cli import output
from relight.model import encode
from relight.readiness.facts import Image, Quota, Unread
from tests.cli.conftest import Terminal
from tests.cli.stub import Stub
from tests.readiness.conftest import judged

KEPT = "GET /apps/sample/readiness"
FAILING = {"quota": Quota(limit=5, used=4)}
DARK = {"images": (Image(ref="docker.io/nginx@sha256:" + "1" * 64, there=None, why="registry docker.io is not asked"),)}
STATUSES: tuple[tuple[dict[str, Any], int, str], ...] = (
    ({}, 0, "passed, score 100 of 100"),
    ({"dead_letters": 2}, 0, "warning, score 98 of 100"),
    (DARK, 3, "could not verify, score 94 of 100"),
    (FAILING, 1, "failed, score 49 of 100"),
    ({**FAILING, **DARK, "skew": Unread("throttled")}, 1, "failed, score 49 of 100"),
)


@pytest.mark.parametrize(("changed", "status", "said"), STATUSES)
def test_the_exit_status_and_the_last_line_say_what_it_comes_to(
    changed: dict[str, Any], status: int, said: str, terminal: Terminal, api: Stub
) -> None:
    api.on(KEPT, encode(judged(**changed)))
    seen = terminal("check", "--last")
    assert seen.status == status
    assert said in seen.out.strip().splitlines()[-1]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_a_terminal_and_every_fix_is_there(
    width: int, terminal: Terminal, api: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "PIPED", width)
    api.on(KEPT, encode(judged(**FAILING, **DARK)))
    seen = terminal("check", "--last").out
    table = seen.split("\n\n")[0]
    assert max(map(len, table.splitlines())) <= width
    flat = " ".join(table.split())
    for words in ("fix: ask for more: Service Quotas", "fix: prove it:", "VcpuLimitExceeded"):
        assert words in flat


def test_a_script_gets_the_document_and_the_same_status(terminal: Terminal, api: Stub) -> None:
    document = encode(judged(**FAILING))
    api.on(KEPT, document)
    seen = terminal("check", "--last", "-o", "json")
    assert (seen.status, seen.document) == (1, json.loads(json.dumps(document)))


def test_before_the_first_check_it_says_what_to_do(terminal: Terminal, api: Stub) -> None:
    api.refuse(KEPT, 404, "NotChecked", "app sample: has not been checked yet; relight check does it now")
    seen = terminal("check", "--last")
    assert (seen.status, seen.err.count("\n")) == (2, 1)
    assert "relight check does it now" in seen.err
