"""Whichever way an archive is read - frames side by side, in order, or on paper - it is taken or refused alike."""

import io
import os
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from relight.backup.reader import open_backup
from relight.backup.verify import verify
from relight.errors import BackupError
from tests.backup.conftest import DIRECTORY, FILE, URI, Snapshot, V, Workshop, compress, hardlink, snapshot, symlink, tar
from tests.backup.test_side_by_side import plant

pytestmark = pytest.mark.slow

Member = tuple[str, dict[str, Any], bytes] | tuple[str, dict[str, Any]]
NAMES = [f"{V}/{name}" for name in ("a", "b", "c", "a/b", "c/a")]
names = st.sampled_from(NAMES)
TARGETS = ("a", "../data/b", "c/a", "../../..", "c/../../../../..", "c/a/../../../..", "/etc")
marks = st.sampled_from(
    [{}, {"pax_headers": {"SCHILY.xattr.user.mark": "x"}}, {"pax_headers": {"SCHILY.xattr.user.mark": "y"}}]
)
member = st.one_of(
    st.tuples(names, st.just(FILE), st.sampled_from([b"", b"one", b"two"])),
    st.tuples(names, marks.map(lambda mark: {**DIRECTORY, **mark})),
    st.tuples(names, st.sampled_from(TARGETS).map(symlink)),
    st.tuples(names, names.map(hardlink)),
)
archives = st.lists(member, min_size=2, max_size=6)
A, B, C = NAMES[:3]


def outcome(workshop: Workshop) -> Snapshot | str:
    """What is restored, or the code of the refusal."""
    with tempfile.TemporaryDirectory() as place:
        try:
            open_backup(workshop.store, URI).restore_volumes(Path(place) / "target")
        except BackupError as error:
            return error.code
        made = snapshot(Path(place) / "target", times=False)
        return {str(path): (found, marks_of(Path(place) / "target" / path)) for path, found in made.items()}


def marks_of(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path)} if path.is_dir() and not path.is_symlink() else {}


def member_starts(raw: bytes) -> list[int]:
    """Where each member but the first begins in the raw tar."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return [one.offset for one in archive.getmembers()][1:]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([(A, hardlink(B)), (B, FILE, b"later")])
@example([(A, hardlink(C)), (B, hardlink(A)), (C, FILE, b"later")])
@example([(A, hardlink(B)), (B, hardlink(A))])
@example([(A, FILE, b"first"), (B, hardlink(A)), (A, FILE, b"second")])
@example([(B, FILE, b"one"), (A, hardlink(B)), (A, FILE, b"two")])
@example([(A, hardlink(B)), (A, FILE, b"one"), (B, FILE, b"two")])
@example([(A, FILE, b"one"), (A, hardlink(B)), (B, FILE, b"two")])
@example([(A, hardlink(B)), (f"{A}/b", FILE, b""), (B, FILE, b"two")])
@example([(A, hardlink(B)), (A, DIRECTORY), (B, FILE, b"two")])
@example([(A, FILE, b""), (A, symlink("b"))])
@example([(A, symlink("a/b/../../../..")), (B, FILE, b"")])
@example([(C, {**DIRECTORY, "pax_headers": {"SCHILY.xattr.user.mark": mark}}) for mark in "xyxyxy"])
@given(archives)
def test_an_archive_is_taken_or_refused_alike_however_it_is_read(workshop: Workshop, members: list[Member]) -> None:
    raw = tar(*members)
    workshop.plant(compress(raw))
    plain, found = outcome(workshop), {one.code for one in verify(workshop.store, URI, deep=True)}
    assert (plain in found) if isinstance(plain, str) else not found
    plant(workshop, raw, dict.fromkeys(member_starts(raw)))
    assert outcome(workshop) == plain
