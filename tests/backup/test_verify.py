"""`relight backup verify`: every problem, what it means, what to do."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from relight.adapters.s3 import S3
from relight.backup import metadata as contract
from relight.backup.metadata import Metadata
from relight.backup.reader import open_backup
from relight.backup.tarwrite import content
from relight.backup.verify import verify
from relight.backup.writer import Archive
from relight.errors import AccessDenied, UriMalformed
from tests.backup.conftest import FILE, URI, Workshop, digest, tar


def told(store: S3, deep: bool = False) -> list[tuple[str, str, str]]:
    """(code, object below the backup, problem) of each finding."""
    found = verify(store, URI, deep)
    assert all(finding.fix for finding in found)
    return [(finding.code, finding.object.removeprefix(URI), finding.problem) for finding in found]


def test_a_sound_backup_has_no_findings(store: S3, sound: Metadata) -> None:
    assert told(store) == told(store, deep=True) == []


def test_a_backup_that_is_not_there_is_one_finding(store: S3) -> None:
    assert told(store) == [("R301", "", "there is no such backup")]


def test_an_unfinished_backup_is_one_finding(store: S3, sound: Metadata) -> None:
    store.delete(f"{URI}/metadata.json")
    assert told(store) == [("R302", "", "has no metadata.json")]


def test_all_problems_are_found_at_once(store: S3, sound: Metadata) -> None:
    raw = json.loads(sound.dump())
    raw["app"], raw["images"] = "", [{}]
    store.put(f"{URI}/metadata.json", json.dumps(raw).encode())
    store.delete(f"{URI}/state.tar.zst")
    store.put(f"{URI}/state.frames.json", b"{}")
    manifests = bytearray(store.get(f"{URI}/manifests.tar.zst"))
    manifests[20] ^= 1
    store.put(f"{URI}/manifests.tar.zst", bytes(manifests))

    found = told(store)

    assert [(code, where) for code, where, _ in found] == [
        ("R303", "/metadata.json"),
        ("R303", "/metadata.json"),
        ("R303", "/metadata.json"),
        ("R303", "/metadata.json"),
        ("R306", "/manifests.tar.zst"),
        ("R305", "/state.frames.json"),
        ("R304", "/state.tar.zst"),
    ]
    assert found[0][2] == "app must be a text"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"{}"])
def test_metadata_that_is_none_is_found(store: S3, sound: Metadata, data: bytes) -> None:
    store.put(f"{URI}/metadata.json", data)
    assert {code for code, *_ in told(store)} >= {"R303"}


def test_metadata_of_another_backup_is_found(store: S3, sound: Metadata) -> None:
    store.put(f"{URI}/metadata.json", replace(sound, backup_id="other").dump())
    assert told(store) == [("R303", "/metadata.json", "it says it belongs to backup 'other'")]


def test_artifacts_that_the_metadata_does_not_name_are_found(store: S3, sound: Metadata) -> None:
    store.put(f"{URI}/metadata.json", replace(sound, artifacts={}).dump())
    assert [(code, where) for code, where, _ in told(store)] == [("R304", "/manifests.tar.zst"), ("R304", "/state.tar.zst")]


def test_metadata_too_large_to_be_any_is_not_read(store: S3, sound: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "MAX_BYTES", 10)
    assert "more than 10" in told(store)[0][2]


def test_only_a_deep_check_reads_every_byte(store: S3, sound: Metadata) -> None:
    state = bytearray(store.get(f"{URI}/state.tar.zst"))
    state[len(state) // 2] ^= 1
    store.put(f"{URI}/state.tar.zst", bytes(state))
    assert told(store) == []
    assert [code for code, *_ in told(store, deep=True)] == ["R306", "R306"]


def test_any_other_artifact_is_checked_too(store: S3, sound: Metadata) -> None:
    store.put(f"{URI}/notes.txt", b"12345")
    store.put(f"{URI}/metadata.json", replace(sound, artifacts={**sound.artifacts, "notes.txt": digest(b"54321")}).dump())
    assert told(store) == []
    assert [(code, where) for code, where, _ in told(store, deep=True)] == [("R306", "/notes.txt")]


def test_every_bad_manifest_is_found(store: S3, sound: Metadata) -> None:
    files = {"a.yaml": b"[", "b.yaml": b"kind: Pod", "c.yaml": b"apiVersion: v1\nkind: Pod\nmetadata: {name: c}"}
    archive = Archive([content(name, len(text), iter([text])) for name, text in files.items()])
    data = b"".join(archive.chunks())
    store.put(f"{URI}/manifests.tar.zst", data)
    store.put(
        f"{URI}/metadata.json", replace(sound, artifacts={**sound.artifacts, "manifests.tar.zst": digest(data)}).dump()
    )
    assert [(code, where) for code, where, _ in told(store)] == [
        ("R315", "/manifests.tar.zst member 'a.yaml'"),
        ("R315", "/manifests.tar.zst member 'b.yaml'"),
    ]


SHA = "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df"  # of "ok"
INDEXES = {
    "other content": (f'{{"path": "f", "type": "file", "sha256": "{"0" * 64}"}}', [("R306", "member 'f'")]),
    "missing file": (
        f'{{"path": "f", "type": "file", "sha256": "{SHA}"}}\n{{"path": "g", "type": "file", "sha256": "{SHA}"}}',
        [("R307", "member 'g'")],
    ),
    "other kind": ('{"path": "f", "type": "directory"}', [("R307", "member 'f'")]),
    "unlisted file": ('{"path": "", "type": "directory"}', [("R307", "member 'f'")]),
    "no JSON": ("{", [("R307", "member 'index.jsonl'")]),
    "no entry": ('{"path": 5}', [("R307", "member 'index.jsonl'")]),
    "file without digest": ('{"path": "f", "type": "file"}', [("R307", "member 'index.jsonl'")]),
    "sound": (f'{{"path": "f", "type": "file", "sha256": "{SHA}", "more": "is kept"}}', []),
}


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_that_says_otherwise_is_found(workshop: Workshop, name: str) -> None:
    text, expected = INDEXES[name]
    workshop.plant_tar(tar(("f", FILE, b"ok"), ("index.jsonl", FILE, text.encode())), framed=True)
    found = told(workshop.store, deep=True)
    assert [(code, where.removeprefix("/state.tar.zst ")) for code, where, _ in found] == expected


def test_the_list_of_problems_ends(workshop: Workshop) -> None:
    workshop.plant_tar(tar(*[(f"../{number}", FILE, b"") for number in range(1500)]), framed=True)
    assert len(verify(workshop.store, URI, deep=True)) == 1000


def test_a_check_that_could_not_run_is_no_clean_bill(store: S3, sound: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(uri: str) -> None:
        raise AccessDenied(uri)

    monkeypatch.setattr(store, "head", denied)
    with pytest.raises(AccessDenied):
        verify(store, URI)


def test_a_uri_that_is_none_is_the_callers_error(store: S3) -> None:
    with pytest.raises(UriMalformed):
        verify(store, "shop")


def test_the_older_form_verifies_and_restores(store: S3, sound: Metadata, tmp_path: Path) -> None:
    artifacts = {
        name: {"bytes": row.bytes, "sha256": row.sha256} for name, row in sound.artifacts.items() if "frames" not in name
    }
    older = {"created_utc": "2024-05-01T03:00:00Z", "backup_uri": f"{URI}/", "bucket": "b", "prefix": "shop", "notes": ""}
    store.put(f"{URI}/metadata.json", json.dumps(older | {"artifacts": artifacts}).encode())
    store.delete(f"{URI}/state.frames.json")
    assert told(store, deep=True) == []
    opened = open_backup(store, URI)
    assert opened.restore_volumes(tmp_path / "target").files == 21
    assert len(opened.manifests()) == 1
