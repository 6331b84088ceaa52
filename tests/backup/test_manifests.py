"""Manifests: what any writer packed is read, what could hurt or mislead is refused."""

import tarfile
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.backup import manifests
from relight.backup.manifests import unpack
from relight.backup.writer import Archive
from relight.errors import (
    ArchiveEscape,
    ArchiveSpecialFile,
    ArchiveTooLarge,
    ArchiveTruncated,
    BackupError,
    ManifestMalformed,
)
from tests.backup.conftest import CONFIG, DIRECTORY, FILE, symlink, tar

WHERE = "s3://b/backups/x/manifests.tar.zst"
POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


def packed(*members: Any) -> bytes:
    return zstandard.ZstdCompressor().compress(tar(*members))


def read(text: bytes, name: str = "x.yaml") -> list[dict[str, Any]]:
    return unpack(packed((name, FILE, text)), WHERE)


TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT | st.floats(allow_nan=False, allow_infinity=False),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(contents=st.lists(st.dictionaries(TEXT, VALUES, max_size=3), max_size=4))
def test_any_objects_come_back_as_they_were(contents: list[dict[str, Any]]) -> None:
    objects = [
        {"apiVersion": "shop.example/v1", "kind": "Order", "metadata": {"name": f"o{i}"}, "spec": content, "same": content}
        for i, content in enumerate(contents)
    ]
    archive = Archive(manifests.pack(objects, WHERE))
    assert unpack(b"".join(archive.chunks()), WHERE) == objects


def test_files_are_named_by_namespace_kind_and_group() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "shop"}}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:shop"}}
    raw = b"".join(member.head for member in manifests.pack([role, job, CONFIG], WHERE))
    assert [
        name in raw
        for name in (
            b"manifests/_cluster/ClusterRole.rbac.authorization.k8s.io/system:shop.yaml",
            b"manifests/shop/ConfigMap/shop.yaml",
            b"manifests/shop/Job.batch/j.yaml",
        )
    ] == [True, True, True]


def test_any_member_is_read_whatever_wrote_it() -> None:
    data = packed(
        ("manifests", DIRECTORY),
        ("README.md", FILE, b"not: [a manifest"),
        ("all.yml", FILE, b"---\n" + POD + b"---\n---\n" + POD.replace(b"a}", b"b}") + b"..."),
        ("deep/er/c.json", FILE, b'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}}'),
        ("list.yaml", FILE, b"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: d}}\n"),
    )
    assert [found["metadata"]["name"] for found in unpack(data, WHERE)] == ["a", "b", "c", "d"]


def test_values_are_what_kubernetes_takes_them_for() -> None:
    [found] = read(POD + b"spec: {at: 2026-11-23, time: 2026-11-23T03:00:00Z, mode: 0644, on: yes, 2: two}\n")
    assert found["spec"] == {"at": "2026-11-23", "time": "2026-11-23T03:00:00Z", "mode": 420, "true": True, "2": "two"}


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (i + 1, i + 1, b",".join([b"*%c" % i] * 9)) for i in range(ord("a"), ord("k"))
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "YAML aliases"),
        (b"<<: &a {x: 1}\ny: {<<: [*a, *a]}", "YAML aliases"),
        (b"a: [1", "is no manifest"),
        (b"\xff\xfe\x00", "is no manifest"),
        (b"!!python/object/apply:os.system ['true']", "is no manifest"),
        (b"x: !!binary aGk=", "is no manifest"),
        (b"x: .nan", "is no manifest"),
        (b"[" * 5000, "is no manifest"),
        (b"just text", "is no Kubernetes object"),
        (b"[]", "is no Kubernetes object"),
        (b"kind: Pod\nmetadata: {name: a}", "is no Kubernetes object"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {}", "is no Kubernetes object"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: [a]}", "is no Kubernetes object"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 5}", "namespace that is no text"),
        (b"apiVersion: v1\nkind: List\nitems: [{kind: List, items: []}]", "is no Kubernetes object"),
        (POD + b"---\n" + POD + b"x: other", "v1 Pod  a is there twice, and differs"),
    ],
)
def test_a_bad_manifest_is_refused_by_name(text: bytes, says: str) -> None:
    with pytest.raises(ManifestMalformed) as caught:
        read(text)
    assert str(caught.value).startswith(f"{WHERE} member 'x.yaml': ")
    assert says in str(caught.value)


def test_bad_json_is_refused_too() -> None:
    for text in (b"", b"{", b"[" * 100_000, b'{"a": NaN}', POD):
        with pytest.raises(ManifestMalformed):
            read(text, "x.json")


def test_an_exact_repetition_is_dropped() -> None:
    assert len(read(POD + b"---\n" + POD)) == 1


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        (("../x.yaml", FILE, POD), ArchiveEscape),
        (("x.yaml", symlink("/etc/passwd")), ArchiveSpecialFile),
        (("x.yaml", {"type": tarfile.FIFOTYPE}), ArchiveSpecialFile),
        (("x.yaml", FILE, bytes(33 * 2**20)), ArchiveTooLarge),
    ],
)
def test_a_hostile_member_is_refused(member: Any, kind: type[BackupError]) -> None:
    with pytest.raises(kind):
        unpack(packed(member), WHERE)


def test_a_truncated_archive_is_refused() -> None:
    with pytest.raises(ArchiveTruncated):
        unpack(packed(("x.yaml", FILE, POD))[:-3], WHERE)


def test_every_bad_member_is_heard_of() -> None:
    heard: list[BackupError] = []
    data = packed(("../x.yaml", FILE, POD), ("a.yaml", FILE, POD), ("b.yaml", FILE, b"[]"))
    assert len(unpack(data, WHERE, heard.append)) == 1
    assert [error.code for error in heard] == ["R310", "R315"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\0b"])
def test_an_object_whose_name_is_no_file_name_is_not_written(name: str) -> None:
    with pytest.raises(ManifestMalformed):
        manifests.pack([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}], WHERE)
