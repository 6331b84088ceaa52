"""What a runner boots from is read from the very script that it runs."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from relight.adapters.s3 import S3
from relight.readiness import boot
from relight.recovery.sizes import standard, vcpus
from tests.support import memory_aws, own_clients

SCRIPT = (Path(__file__).parents[2] / "infra/user_data.sh").read_text(encoding="utf-8")


def rendered(**values: str) -> str:
    return re.sub(r"@([A-Z0-9_]+)@", lambda found: values.get(found[1], ""), SCRIPT)


def test_the_boot_script_names_each_artifact_it_fetches() -> None:
    names = ("K3S", "IMAGES", "AGENT")
    given = {f"{name}_{part}": f"{name}-{part}".lower() for name in names for part in ("BUCKET", "KEY")}
    script = rendered(**given, **{f"{name}_SHA256": name[0].lower() * 64 for name in names})
    found = boot.artifacts(script, lambda uri: None)
    assert [(one.name, one.uri) for one in found] == [
        (name.lower(), f"s3://{name.lower()}-bucket/{name.lower()}-key") for name in names
    ]


def test_an_artifact_that_is_not_pinned_is_not_asked_for() -> None:
    script = rendered(K3S_BUCKET="b", K3S_KEY="k", K3S_SHA256="a" * 64)
    assert [one.name for one in boot.artifacts(script, lambda uri: None)] == ["k3s"]


def test_a_digest_is_made_piece_by_piece_and_none_of_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "PIECE", 1000)
    data = bytes(range(256)) * 15
    with own_clients(), memory_aws():
        store = S3()
        store.client.create_bucket(Bucket="assets")
        store.put("s3://assets/k3s", data)
        assert boot.digest(store, "s3://assets/k3s") == sha256(data).hexdigest()
        assert boot.digest(store, "s3://assets/gone") is None


@pytest.mark.parametrize(
    ("kind", "wanted", "counted"),
    [
        ("m7g.large", 2, True),
        ("m7g.2xlarge", 8, True),
        ("m7g.medium", 1, True),
        ("t4g.micro", 2, True),
        ("g5g.xlarge", 4, False),
        ("x2gd.large", 2, False),
        ("m7g.metal", None, True),
        ("nonsense", None, False),
    ],
)
def test_vcpus_by_the_types_name(kind: str, wanted: int | None, counted: bool) -> None:
    assert (vcpus(kind), standard(kind)) == (wanted, counted)
