"""Sealed backups: any one recipient opens them, nobody else does, and no change of theirs goes unseen."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.adapters import keys as adapter
from relight.adapters.calls import Refused
from relight.adapters.s3 import S3
from relight.backup import writer
from relight.backup.frames import Frame, FrameTable
from relight.backup.metadata import Metadata
from relight.backup.onefile import restore_file
from relight.backup.reader import open_backup
from relight.backup.recipients import by_kms, by_private_key, load_private, public_text
from relight.backup.seal import HEAD, Seal, marked
from relight.backup.verify import verify
from relight.backup.writer import write_backup
from relight.cli.decrypt import write_plain
from relight.config import Encryption
from relight.errors import BackupError, KeyUnusable, SealBroken
from tests.backup.conftest import CONFIG, URI, digest, snapshot, source

STATE = f"{URI}/state.tar.zst"


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("safe") / "offline.pem"
    private = X25519PrivateKey.generate()
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture
def keys(store: S3, offline: Path) -> Encryption:
    arn = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    return Encryption(kms_keys=(arn,), offline_keys=(public_text(load_private(offline)),))


@pytest.fixture
def sealed(store: S3, volume: Path, keys: Encryption, monkeypatch: pytest.MonkeyPatch) -> Metadata:
    """Of several frames, as one of gigabytes is."""
    monkeypatch.setattr(writer.frames, "RAW", 4096)
    return write_backup(store, URI, source({("shop", "data"): volume}), encryption=keys)


def test_it_restores_as_it_was_with_the_role_and_with_the_key_from_the_safe(
    store: S3, sealed: Metadata, volume: Path, offline: Path, tmp_path: Path
) -> None:
    for name, unlock in (("role", by_kms), ("safe", by_private_key(offline))):
        backup = open_backup(store, URI, unlock=unlock)
        backup.restore_volumes(tmp_path / name)
        assert snapshot(tmp_path / name / "volumes/shop/data") == snapshot(volume)
        assert backup.manifests() == [CONFIG]
    assert verify(store, URI, deep=True) == []
    restore_file(open_backup(store, URI), "volumes/shop/data/inbox/7.json", tmp_path / "one")
    assert (tmp_path / "one").read_text() == '{"order": 7}'


def test_nothing_of_the_files_is_to_be_read_without_a_key(store: S3, sealed: Metadata) -> None:
    stored = b"".join(store.get(found.uri) for found in store.list(URI))
    for told in (b"orders.db", b"inbox", b"SQLite", b"7.json", b"\x28\xb5\x2f\xfd"):
        assert told not in stored


def test_an_older_reader_refuses_it_by_its_version(store: S3, sealed: Metadata) -> None:
    assert json.loads(store.get(f"{URI}/metadata.json"))["schema_version"] == 2


def stored_frames(store: S3, metadata: Metadata) -> tuple[list[Frame], list[bytes]]:
    table = FrameTable.parse(store.get(f"{URI}/state.frames.json"), URI, metadata.artifacts["state.tar.zst"].bytes)
    data = store.get(STATE)
    return list(table.frames), [data[one.offset : one.offset + one.length] for one in table.frames]


def plant(store: S3, metadata: Metadata, frames: list[Frame], pieces: list[bytes]) -> None:
    """As somebody would who may write to the bucket: every digest is right again, only the proof is not his to make."""
    offset, rows = 0, []
    for frame, piece in zip(frames, pieces, strict=True):
        rows.append(replace(frame, offset=offset, length=len(piece), sha256=sha256(piece).hexdigest()))
        offset += len(piece)
    archive, table = b"".join(pieces), FrameTable(frames=tuple(rows)).dump()
    store.put(STATE, archive)
    store.put(f"{URI}/state.frames.json", table)
    found = {"state.tar.zst": digest(archive), "state.frames.json": digest(table)}
    store.put(f"{URI}/metadata.json", replace(metadata, artifacts={**metadata.artifacts, **found}).dump())


def flip(frames: list[Frame], pieces: list[bytes]) -> None:
    pieces[1] = pieces[1][:-1] + bytes([pieces[1][-1] ^ 1])


def swap(frames: list[Frame], pieces: list[bytes]) -> None:
    for rows in (frames, pieces):
        rows[0], rows[1] = rows[1], rows[0]  # type: ignore[index, assignment]


def drop_last(frames: list[Frame], pieces: list[bytes]) -> None:
    frames.pop(), pieces.pop()


def repeat(frames: list[Frame], pieces: list[bytes]) -> None:
    frames.insert(1, frames[0]), pieces.insert(1, pieces[0])


Change = Callable[[list[Frame], list[bytes]], None]
HOSTILE: tuple[Change, ...] = (flip, swap, drop_last, repeat)


@pytest.mark.parametrize("proven", [True, False], ids=["metadata proven", "frames alone"])
@pytest.mark.parametrize("change", HOSTILE)
def test_a_changed_frame_is_refused_and_leaves_nothing(
    store: S3, sealed: Metadata, tmp_path: Path, change: Change, proven: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the proof of the metadata did not hold it up: each frame knows its own place."""
    frames, pieces = stored_frames(store, sealed)
    assert len(frames) > 2
    change(frames, pieces)
    plant(store, sealed, frames, pieces)
    if not proven:
        monkeypatch.setattr(Seal, "check", lambda *_: None)
    with pytest.raises(SealBroken):
        open_backup(store, URI).restore_volumes(tmp_path / "target")
    assert list(tmp_path.glob("*target*")) == []


def alter(raw: dict[str, Any], what: str) -> None:
    rows = raw["encryption"]["recipients"]
    if what == "a recipient less":
        rows.pop()
    elif what == "another app":
        raw["app"] = "other"
    elif what == "another wrapped key":
        rows[0]["wrapped"] = rows[1]["wrapped"]
    elif what == "another digest":
        raw["artifacts"]["manifests.tar.zst"]["sha256"] = "0" * 64
    else:
        raw["encryption"]["proof"] = "0" * 64


WRONG = {
    "a recipient less": SealBroken,
    "another app": KeyUnusable,
    "another wrapped key": KeyUnusable,
    "another digest": BackupError,
    "another proof": SealBroken,
}


@pytest.mark.parametrize("what", WRONG)
def test_an_altered_metadata_is_refused(store: S3, sealed: Metadata, tmp_path: Path, what: str) -> None:
    raw = json.loads(store.get(f"{URI}/metadata.json"))
    alter(raw, what)
    store.put(f"{URI}/metadata.json", json.dumps(raw).encode())
    with pytest.raises(WRONG[what]):
        open_backup(store, URI).manifests()
    with pytest.raises((SealBroken, KeyUnusable)):
        open_backup(store, URI).restore_volumes(tmp_path / "target")
    assert list(tmp_path.glob("*target*")) == []


def refuse(monkeypatch: pytest.MonkeyPatch, key: str, code: str) -> None:
    """KMS in memory lets a disabled key be used; KMS itself does not."""
    real = adapter.call

    def call(service: str, operation: str, *given: Any, **arguments: Any) -> dict[str, Any]:
        if arguments["KeyId"] == key:
            raise Refused({"Error": {"Code": code}})
        return real(service, operation, *given, **arguments)

    monkeypatch.setattr(adapter, "call", call)


def test_a_disabled_key_is_named_and_the_one_from_the_safe_still_opens(
    store: S3, sealed: Metadata, keys: Encryption, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, keys.kms_keys[0], "DisabledException")
    with pytest.raises(KeyUnusable, match="is disabled"):
        open_backup(store, URI).manifests()
    assert open_backup(store, URI, unlock=by_private_key(offline)).manifests() == [CONFIG]


def test_a_second_kms_key_opens_what_the_first_no_longer_can(
    store: S3, volume: Path, keys: Encryption, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = replace(keys, kms_keys=(*keys.kms_keys, boto3.client("kms").create_key()["KeyMetadata"]["Arn"]))
    write_backup(store, URI, source({("shop", "data"): volume}), encryption=both)
    refuse(monkeypatch, both.kms_keys[0], "KMSInvalidStateException")
    backup = open_backup(store, URI)
    assert backup.manifests() == [CONFIG]
    assert backup.seal and backup.seal.opened_by == f"kms {both.kms_keys[1]}"


def test_a_key_that_is_no_recipient_opens_nothing(store: S3, sealed: Metadata, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", str(other)], check=True)
    with pytest.raises(KeyUnusable, match="does not open it; give the private half of one of its own: "):
        open_backup(store, URI, unlock=by_private_key(other)).manifests()


def test_ordinary_tools_read_what_the_offline_key_opened(
    store: S3, sealed: Metadata, volume: Path, offline: Path, tmp_path: Path
) -> None:
    write_plain(open_backup(store, URI, unlock=by_private_key(offline)), tmp_path / "plain")
    archive = zstandard.ZstdDecompressor().stream_reader(
        (tmp_path / "plain/state.tar.zst").open("rb"), read_across_frames=True
    )
    subprocess.run(["tar", "x", "-C", str(tmp_path)], input=archive.read(), check=True)
    assert snapshot(tmp_path / "volumes/shop/data").keys() == snapshot(volume).keys()
    assert (tmp_path / "volumes/shop/data/orders.db").read_bytes() == (volume / "orders.db").read_bytes()


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_what_was_sealed_opens_however_it_arrives(frames: list[bytes], size: int) -> None:
    box = Seal(bytes(32), "b").box("state.tar.zst", "here")
    stored = b"".join(box.close(*one) for one in marked(frames))
    assert len(stored) == sum(map(len, frames)) + len(frames) * (HEAD.size + 16)
    chunks = [stored[i : i + size] for i in range(0, len(stored), size)]
    assert list(box.opened(iter(chunks))) == frames


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_byte_shows(data: st.DataObject) -> None:
    box = Seal(bytes(32), "b").box("state.tar.zst", "here")
    stored = bytearray(b"".join(box.close(*one) for one in marked([b"one", b"two", b"three"])))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BackupError):
        list(box.opened(iter([bytes(stored)])))


def test_a_key_is_never_shown() -> None:
    key = b"k" * 32
    assert "k" * 8 not in f"{Seal(key, 'b')!r} {Seal(key, 'b').box('state.tar.zst', 'here')!r}"
