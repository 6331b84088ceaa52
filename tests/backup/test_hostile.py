"""Archives made to hurt: each is refused by its own error, which names object and member, and the target stays as it was."""

import tarfile
from pathlib import Path
from typing import Any

import pytest

from relight.backup.reader import open_backup
from relight.backup.verify import verify
from relight.errors import (
    ArchiveEscape,
    ArchiveLinkEscape,
    ArchiveMalformed,
    ArchiveSpecialFile,
    ArchiveTooLarge,
    ArchiveTypeChange,
    BackupError,
)
from tests.backup.conftest import (
    DIRECTORY,
    FILE,
    SOUND,
    URI,
    V,
    Workshop,
    hardlink,
    refused,
    symlink,
    tar,
)


def pax(**records: str) -> dict[str, Any]:
    return {"type": tarfile.REGTYPE, "pax_headers": records}


MEMBERS: dict[str, tuple[type[BackupError], tuple[Any, ...]]] = {
    "absolute": (ArchiveEscape, (("/etc/cron.d/evil", FILE, b"x"),)),
    "dots": (ArchiveEscape, (("../../outside", FILE, b"x"),)),
    "dots within": (ArchiveEscape, ((f"{V}/../../../../outside", FILE, b"x"),)),
    "dots that come back": (ArchiveEscape, ((f"{V}/a/../b", FILE, b"x"),)),
    "a file as the target": (ArchiveEscape, (("./", pax(path="."), b"x"),)),
    "pax name": (ArchiveEscape, (("innocent", pax(path="../outside"), b"x"),)),
    "pax absolute name": (ArchiveEscape, (("innocent", pax(path="/outside"), b"x"),)),
    "sparse name": (
        ArchiveEscape,
        (
            (
                "innocent",
                pax(
                    **{
                        "GNU.sparse.major": "1",
                        "GNU.sparse.minor": "0",
                        "GNU.sparse.name": "../x",
                        "GNU.sparse.realsize": "0",
                    }
                ),
                b"0\n" + bytes(510),
            ),
        ),
    ),
    "absolute link": (ArchiveLinkEscape, ((f"{V}/link", symlink("/etc")),)),
    "link out": (ArchiveLinkEscape, ((f"{V}/link", symlink("../../../../outside")),)),
    "link out and back": (ArchiveLinkEscape, ((f"{V}/link", symlink("../../../../place/target/x")),)),
    "links that lead out together": (
        ArchiveLinkEscape,
        (("a/b/c/up", symlink("../../..")), ("out", symlink("a/b/c/up/../outside"))),
    ),
    "hard link out": (ArchiveLinkEscape, ((f"{V}/link", hardlink("../../outside")),)),
    "absolute hard link": (ArchiveLinkEscape, ((f"{V}/link", hardlink("/etc/passwd")),)),
    "hard link to nothing": (ArchiveMalformed, ((f"{V}/link", hardlink(f"{V}/missing")),)),
    "hard link to itself": (ArchiveMalformed, (SOUND, (f"{V}/file", hardlink(f"{V}/file")))),
    "hard link to a link": (ArchiveMalformed, ((f"{V}/l", symlink("x")), (f"{V}/h", hardlink(f"{V}/l")))),
    "hard link to a directory": (ArchiveMalformed, ((f"{V}/d", DIRECTORY), (f"{V}/h", hardlink(f"{V}/d")))),
    "file through a link": (ArchiveTypeChange, ((f"{V}/l", symlink("..")), (f"{V}/l/evil", FILE, b"x"))),
    "file below a file": (ArchiveTypeChange, (SOUND, (f"{V}/file/below", FILE, b"x"))),
    "link, then file": (ArchiveTypeChange, ((f"{V}/l", symlink("file")), (f"{V}/l", FILE, b"x"))),
    "link, then directory": (ArchiveTypeChange, ((f"{V}/l", symlink("file")), (f"{V}/l", DIRECTORY))),
    "file, then directory": (ArchiveTypeChange, (SOUND, (f"{V}/file", DIRECTORY))),
    "file, then link": (ArchiveTypeChange, (SOUND, (f"{V}/file", symlink("other")))),
    "directory, then file": (ArchiveTypeChange, ((f"{V}/d", DIRECTORY), (f"{V}/d", FILE, b"x"))),
    "directory, then hard link": (ArchiveTypeChange, (SOUND, (f"{V}/d", DIRECTORY), (f"{V}/d", hardlink(f"{V}/file")))),
    "character device": (ArchiveSpecialFile, ((f"{V}/null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),)),
    "block device": (ArchiveSpecialFile, ((f"{V}/sda", {"type": tarfile.BLKTYPE}),)),
    "FIFO": (ArchiveSpecialFile, ((f"{V}/pipe", {"type": tarfile.FIFOTYPE}),)),
    "unknown type": (ArchiveMalformed, ((f"{V}/x", {"type": b"V"}),)),
    "NUL in a name": (ArchiveMalformed, (("innocent", pax(path="a\0b"), b""),)),
    "name too long": (ArchiveMalformed, (("x" * 300, FILE, b""),)),
    "path too long": (ArchiveMalformed, (("/".join(["x" * 200] * 30), FILE, b""),)),
    "index not last": (ArchiveMalformed, (("index.jsonl", FILE, b""), SOUND)),
    "index a link": (ArchiveMalformed, (("index.jsonl", symlink("volumes")),)),
    "sparse of an unknown form": (
        ArchiveMalformed,
        (("x", pax(**{"GNU.sparse.map": "0,5", "GNU.sparse.size": "5"}), b"12345"),),
    ),
    "time that is none": (ArchiveMalformed, (("x", pax(mtime="nan"), b""),)),
    "time too far": (ArchiveMalformed, (("x", pax(mtime="99999999999999"), b""),)),
    "size that is none": (ArchiveMalformed, (("x", pax(size="-1"), b""),)),
    "owner that is none": (ArchiveMalformed, (("x", pax(uid="4294967295"), b""),)),
    "huge sparse file": (
        ArchiveTooLarge,
        (
            (
                "x",
                pax(
                    **{
                        "GNU.sparse.major": "1",
                        "GNU.sparse.minor": "0",
                        "GNU.sparse.name": "x",
                        "GNU.sparse.realsize": str(2**50),
                    }
                ),
                b"0\n" + bytes(510),
            ),
        ),
    ),
}


@pytest.mark.parametrize("framed", [True, False], ids=["framed", "plain"])
@pytest.mark.parametrize("name", MEMBERS)
def test_a_hostile_member_is_refused(workshop: Workshop, target: Path, name: str, framed: bool) -> None:
    kind, members = MEMBERS[name]
    workshop.plant_tar(tar(*members), framed)

    refused(workshop, target, kind)

    assert [finding.code for finding in verify(workshop.store, URI, deep=True)] == [kind.code]


def test_the_refusal_names_object_and_member_on_one_line(workshop: Workshop, target: Path) -> None:
    workshop.plant_tar(tar(("../evil\nR999 all is well", FILE, b"x")), framed=True)
    message = refused(workshop, target, ArchiveEscape)
    assert message.startswith(f"{URI}/state.tar.zst member '../evil\\nR999 all is well': has a name that climbs out")


def test_a_check_finds_every_bad_member_not_only_the_first(workshop: Workshop) -> None:
    raw = tar(("../a", FILE, b"x"), SOUND, (f"{V}/null", {"type": tarfile.CHRTYPE}), (f"{V}/l", symlink("/etc")))
    workshop.plant_tar(raw, framed=True)
    assert [finding.code for finding in verify(workshop.store, URI, deep=True)] == ["R310", "R312", "R311"]


def test_a_file_that_occurs_twice_counts_as_the_later_and_spares_its_hard_links(workshop: Workshop, target: Path) -> None:
    workshop.plant_tar(tar(SOUND, (f"{V}/hard", hardlink(f"{V}/file")), (f"{V}/file", FILE, b"later")), framed=True)
    open_backup(workshop.store, URI).restore_volumes(target)
    assert (target / V / "file").read_text() == "later"
    assert (target / V / "hard").read_text() == "sound"
