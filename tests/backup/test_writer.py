"""What a writer refuses, and what it leaves behind when it does: never a backup that is half there."""

import json
import os
import socket
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from relight.adapters.s3 import PLAIN, S3, Keeping
from relight.backup import tarwrite
from relight.backup.metadata import Metadata
from relight.backup.upload import Sender
from relight.backup.verify import verify
from relight.backup.writer import write_backup
from relight.cli.backups import page_of
from relight.errors import ArchiveLinkEscape, BackupExists, ManifestMalformed, MetadataMalformed, NotPermitted, SourceChanged
from tests.backup.conftest import CONFIG, STORAGE, URI, restored, snapshot, source


def test_a_committed_backup_is_never_written_again(store: S3, sound: Metadata, volume: Path) -> None:
    kept = store.get(f"{URI}/metadata.json")
    (volume / "new").write_text("later")

    with pytest.raises(BackupExists, match="2026-11-23: is already committed; backups are immutable"):
        write_backup(store, URI, source({("shop", "data"): volume}))

    assert store.get(f"{URI}/metadata.json") == kept
    assert verify(store, URI, deep=True) == []


def test_two_writers_of_one_backup_do_not_both_commit(store: S3, volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(store)
    send = sender.send

    def meanwhile(uri: str, chunks: Iterable[bytes]) -> None:
        store.put(f"{URI}/metadata.json", b"{}")
        send(uri, chunks)

    monkeypatch.setattr(sender, "send", meanwhile)
    with pytest.raises(BackupExists, match="another writer committed"):
        write_backup(store, URI, source({("shop", "data"): volume}), sender)
    assert store.get(f"{URI}/metadata.json") == b"{}"


def test_a_commit_whose_answer_was_lost_counts(store: S3, volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = store.put

    def twice(uri: str, data: bytes, if_absent: bool = False, keeping: Keeping = PLAIN) -> str:
        put(uri, data, if_absent)
        return put(uri, data, if_absent)

    monkeypatch.setattr(store, "put", twice)
    write_backup(store, URI, source({("shop", "data"): volume}))
    assert verify(store, URI, deep=True) == []


def test_an_unfinished_backup_is_none_and_its_id_can_be_used_again(
    store: S3, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume / "out").symlink_to("/etc/passwd")
    with pytest.raises(ArchiveLinkEscape, match=r"'volumes/shop/data/out': links out of its volume, to '/etc/passwd'"):
        write_backup(store, URI, source({("shop", "data"): volume}))
    assert [finding.code for finding in verify(store, URI)] == ["R301"]

    (volume / "out").unlink()
    write_backup(store, URI, source({("shop", "data"): volume}))
    assert verify(store, URI, deep=True) == []


@pytest.mark.parametrize("target", ["../../other", "/var/lib/shop/orders.db", "inbox/../../x"])
def test_a_link_out_of_the_volume_is_refused_when_it_is_backed_up(store: S3, volume: Path, target: str) -> None:
    (volume / "link").symlink_to(target)
    with pytest.raises(ArchiveLinkEscape):
        write_backup(store, URI, source({("shop", "data"): volume}))


def test_a_file_that_changes_while_it_is_read_is_not_half_copied(
    store: S3, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seek = tarwrite.FileIO.seek

    class Growing(tarwrite.FileIO):
        def seek(self, *place: int) -> int:
            with (volume / "orders.db").open("ab") as file:
                file.write(b"meanwhile")
            return seek(self, *place)

    monkeypatch.setattr(tarwrite, "FileIO", Growing)
    with pytest.raises(SourceChanged, match="its copy would be torn"):
        write_backup(store, URI, source({("shop", "data"): volume}))
    assert store.head(f"{URI}/metadata.json") is None
    assert store.head(f"{URI}/state.tar.zst") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_fails_the_backup(store: S3, volume: Path) -> None:
    (volume / "secret").write_text("x")
    (volume / "secret").chmod(0)
    with pytest.raises(NotPermitted, match="secret"):
        write_backup(store, URI, source({("shop", "data"): volume}))


def test_a_missing_volume_fails_the_backup(store: S3, tmp_path: Path) -> None:
    with pytest.raises(SourceChanged):
        write_backup(store, URI, source({("shop", "data"): tmp_path / "not there"}))


def test_what_the_cluster_did_not_give_is_in_the_metadata_and_told(store: S3, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"object": "Ingress shop/web", "needs": "ClusterIssuer.cert-manager.io mine", "reason": "is not in the cluster"}
    written = write_backup(store, URI, replace(source({}), unresolved=(row,)))
    assert json.loads(store.get(f"{URI}/metadata.json"))["unresolved"] == [row]
    page_of(Console(width=200), URI, written, 1.0)
    told = "not in it: ClusterIssuer.cert-manager.io mine, which Ingress shop/web names: is not in the cluster"
    assert told in capsys.readouterr().out


def test_sockets_are_left_out_and_said_to_be(
    store: S3, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(volume)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        metadata = write_backup(store, URI, source({("shop", "data"): volume}))
    (volume / "s").unlink()

    assert metadata.extra == {"left_out": ["volumes/shop/data/s"]}
    assert snapshot(restored(store, tmp_path / "target"), times=False) == snapshot(volume, times=False)


@pytest.mark.parametrize(
    "changes", [{"app": ""}, {"created_at": "yesterday"}, {"backup_id": "another"}, {"volumes": {("..", "x"): Path()}}]
)
def test_nothing_is_written_that_no_reader_would_take(store: S3, volume: Path, changes: dict[str, object]) -> None:
    with pytest.raises(MetadataMalformed):
        write_backup(
            store,
            URI,
            source({("shop", "data"): volume}, **changes) if "volumes" not in changes else source({("..", "x"): volume}),
        )
    assert list(store.list(STORAGE)) == []


def test_two_manifests_of_one_object_are_refused(store: S3, volume: Path) -> None:
    with pytest.raises(ManifestMalformed, match="is there twice"):
        write_backup(store, URI, source({("shop", "data"): volume}, manifests=[CONFIG, CONFIG]))
