"""What a function does not need it does not load: a cold start is on the way of every recovery."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from relight.backup import manifests

ROOT = Path(__file__).parents[2]
HEAVY = ("boto3", "croniter", "cryptography", "kubernetes", "pydantic", "yaml")
LOADED = "import json, sys, lambdas.{name}.handler; print(json.dumps([one for one in {heavy} if one in sys.modules]))"


@pytest.mark.parametrize("name", ["check", "launch", "plan", "teardown"])
def test_a_function_starts_with_nothing_heavy(name: str) -> None:
    code = LOADED.format(name=name, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == []


def test_our_own_manifests_are_read_without_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}, "data": {"a": "ü\n", "n": "1e5"}}
    (packed,) = manifests.pack([found], "s3://b/x")
    monkeypatch.setitem(sys.modules, "relight.backup.yamltext", None)
    assert manifests.parse(b"".join(packed.chunks), "s3://b/x", "shop.yaml") == [found]
