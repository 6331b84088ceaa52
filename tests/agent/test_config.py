"""The agent's own configuration: wrong ones are named with the field, and stop it before it does anything."""

from pathlib import Path

import pytest

from relight.agent.config import load
from relight.errors import ConfigInvalid

WHOLE = """{"region": "eu-central-1", "table": "relight", "role_id": "AROA", "evidence_bucket": "evidence",
"kubeconfig": "/k", "data_dir": "/var/lib/relight",
"expiry_file": "/var/lib/relight/expiry", "name": "relight", "newer": "ignored"}"""


def test_the_runner_reads_only_its_own_partition(tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_text(WHOLE)
    assert load(tmp_path / "agent.json").principal("i-1") == "AROA:i-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "truncated"), ("{}", "`region`"), (WHOLE.replace('"relight",', "7,", 1), "$.table"), (None, "cannot be read")],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "agent.json").write_text(text)
    with pytest.raises(ConfigInvalid) as raised:
        load(tmp_path / "agent.json")
    assert said in raised.value.findings[0] and str(tmp_path) in str(raised.value)
