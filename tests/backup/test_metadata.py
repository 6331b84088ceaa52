"""metadata.json in both its forms, and every way to get it wrong."""

import json
from typing import Any

import pytest

from relight.backup.metadata import BackupUri, Metadata
from relight.errors import MetadataMalformed, UriMalformed

SHA = "a" * 64
CURRENT: dict[str, Any] = {
    "schema_version": 1,
    "backup_id": "2026-11-23",
    "app": "shop",
    "namespace": "shop",
    "created_at": "2026-11-23T03:00:00Z",
    "source": {"cluster": "primary", "kubernetes_version": "v1.33.1"},
    "artifacts": {"state.tar.zst": {"bytes": 5, "sha256": SHA}, "manifests.tar.zst": {"bytes": 6, "sha256": SHA}},
    "images": [{"workload": "CronJob/nightly", "container": "main", "ref": "shop@sha256:1"}],
    "volumes": [{"namespace": "shop", "claim": "data", "bytes": 7, "files": 1}],
}
OLDER: dict[str, Any] = {
    "created_utc": "2024-05-01T03:00:00Z",
    "backup_uri": "s3://shop-backups/shop/backups/2024-05-01/",
    "bucket": "shop-backups",
    "prefix": "shop",
    "notes": "by hand",
    "artifacts": CURRENT["artifacts"],
}


def test_the_current_form_is_read_and_written_back_with_what_it_does_not_know() -> None:
    given = CURRENT | {"encryption": {"kms_key": "alias/shop"}, "notes": "x", "retention": {"days": 30}}
    parsed = Metadata.parse(json.dumps(given).encode())
    assert parsed.artifacts["state.tar.zst"].bytes == 5
    assert (parsed.declared_bytes, parsed.declared_files) == (7, 1)
    assert parsed.extra == {"retention": {"days": 30}}
    assert json.loads(parsed.dump()) == given


def test_the_older_form_is_read_and_written_back() -> None:
    parsed = Metadata.parse(json.dumps(OLDER).encode())
    assert (parsed.schema_version, parsed.backup_id, parsed.created_at) == (0, "2024-05-01", "2024-05-01T03:00:00Z")
    assert parsed.extra == {key: OLDER[key] for key in ("backup_uri", "bucket", "prefix")}
    assert (parsed.declared_bytes, parsed.images, parsed.notes) == (None, (), "by hand")
    written = json.loads(parsed.dump())
    assert OLDER.items() <= written.items()
    assert Metadata.parse(parsed.dump()) == parsed


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema_version": 3}, "schema_version must be 1, or 2 where it is sealed: this Relight reads no other"),
        ({"schema_version": True}, "schema_version must be 1"),
        ({"backup_id": "../up"}, "backup_id is not a backup id"),
        ({"app": ""}, "app must be a text"),
        ({"created_at": "2026-11-23T03:00:00"}, "created_at must be an RFC 3339 time with its zone"),
        ({"created_at": 5}, "created_at must be"),
        ({"source": []}, "source must be an object"),
        ({"artifacts": {"a/b": {"bytes": 1, "sha256": SHA}}}, "artifacts: 'a/b' must be a plain name"),
        ({"artifacts": {"..": {"bytes": 1, "sha256": SHA}}}, "artifacts: '..' must be a plain name"),
        (
            {"artifacts": {"state.tar.zst": {"bytes": -1, "sha256": SHA}}},
            "artifacts.state.tar.zst.bytes must be a whole number",
        ),
        ({"artifacts": {"state.tar.zst": {"bytes": 1, "sha256": "A"}}}, "artifacts.state.tar.zst.sha256 must be 64 hexa"),
        ({"artifacts": {"state.tar.zst": "sha"}}, "artifacts.state.tar.zst must be an object"),
        ({"images": {}}, "images must be a list"),
        ({"images": [{"workload": "x", "container": "y"}]}, "images[0].ref is missing"),
        (
            {"volumes": [{"namespace": "..", "claim": "d", "bytes": 0, "files": 0}]},
            "volumes[0].namespace must be a plain name",
        ),
        ({"volumes": [7]}, "volumes[0] must be an object"),
        ({"encryption": "yes"}, "encryption must be an object"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(MetadataMalformed) as caught:
        Metadata.parse(json.dumps(CURRENT | changes).encode(), "s3://b/backups/x/metadata.json")
    assert str(caught.value).startswith("s3://b/backups/x/metadata.json: ")
    assert says in str(caught.value)


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(MetadataMalformed) as caught:
        Metadata.parse(b'{"schema_version": 1, "images": 1}')
    for field in ("backup_id", "app", "namespace", "created_at", "source", "artifacts", "volumes"):
        assert f"{field} is missing" in str(caught.value)
    assert "images must be a list" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"a": NaN}'])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(MetadataMalformed):
        Metadata.parse(data)


@pytest.mark.parametrize("end", ["", "/", "/metadata.json"])
def test_a_backup_uri_is_taken_apart(end: str) -> None:
    parsed = BackupUri.parse(f"s3://bucket/team/shop/backups/2026-11-23{end}")
    assert parsed == BackupUri("s3://bucket/team/shop/backups/2026-11-23", "bucket", "team/shop", "2026-11-23")
    assert BackupUri.parse("s3://bucket/backups/x").prefix == ""


@pytest.mark.parametrize(
    "text", ["", "shop", "https://bucket/backups/x", "s3://", "s3://bucket", "s3://bucket/backups/", "s3://bucket/shop/x",
             "s3://bucket/backups/a/b", "s3://bucket/backups/..", "s3://bucket//backups/x", "s3://bucket/backups/a b"]
)  # fmt: skip
def test_what_is_no_backup_uri_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UriMalformed) as caught:
        BackupUri.parse(text)
    assert "write it as s3://" in str(caught.value)
