"""Tars and zstd streams that are cut, damaged, padded, or expand without end."""

import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard

from relight.backup.frames import MAX_RAW, Frame
from relight.backup.reader import open_backup
from relight.backup.unpack import Limits
from relight.backup.verify import verify
from relight.errors import (
    ArchiveMalformed,
    ArchiveTooLarge,
    ArchiveTrailingGarbage,
    ArchiveTruncated,
)
from tests.backup.conftest import (
    RAW,
    SOUND,
    URI,
    V,
    Workshop,
    compress,
    refused,
    tar,
)

# ---------------------------------------------------------------- the tar itself
BAD_TARS = {
    "no end mark": (ArchiveTruncated, RAW.rstrip(b"\0") + bytes(-len(RAW.rstrip(b"\0")) % 512)),
    "cut in content": (ArchiveTruncated, RAW[:20_000]),
    "cut in a header": (ArchiveTruncated, RAW[: 512 + 76_800 + 100]),
    "empty": (ArchiveTruncated, b""),
    "garbage after the end": (ArchiveTrailingGarbage, RAW + b"#!/bin/sh"),
    "a second tar after the end": (ArchiveTrailingGarbage, RAW + RAW),
    "endless padding": (ArchiveTrailingGarbage, RAW + bytes(2**21)),
    "damaged header": (ArchiveMalformed, b"x" + RAW[1:]),
    "no tar": (ArchiveMalformed, b"not a tar at all" * 100),
    "global header that renames": (
        ArchiveMalformed,
        tar(("g", {"type": b"g"}, b"12 path=evil"[:0] + b"13 path=evil\n"), SOUND),
    ),
    "pax header that is none": (ArchiveMalformed, tar(("x", {"type": b"x"}, b"999 path=evil\n"), SOUND)),
    "pax header of no length": (ArchiveMalformed, tar(("x", {"type": b"x"}, b"0 path=evil\n"), SOUND)),
    "huge pax header": (ArchiveMalformed, tar(("x", {"type": b"x"}, bytes(2**20 + 1)), SOUND)),
    "headers without end": (ArchiveMalformed, tar(*[("x", {"type": b"x"}, b"6 a=b\n")] * 20, SOUND)),
}


@pytest.mark.parametrize("framed", [True, False], ids=["framed", "plain"])
@pytest.mark.parametrize("name", BAD_TARS)
def test_a_bad_tar_is_refused(workshop: Workshop, target: Path, name: str, framed: bool) -> None:
    kind, raw = BAD_TARS[name]
    workshop.plant_tar(raw, framed)
    refused(workshop, target, kind)
    assert [finding.code for finding in verify(workshop.store, URI, deep=True)] == [kind.code]


# ---------------------------------------------------------------- zstd
BOMB = compress(bytes(200 * 2**20))
STREAMS = {
    "cut within a frame": (ArchiveTruncated, compress(RAW)[:-5]),
    "cut within a frame's header": (ArchiveTruncated, compress(RAW)[:5]),
    "cut within the second frame": (ArchiveTruncated, compress(RAW[:1024]) + compress(RAW[1024:])[:-5]),
    "garbage behind": (ArchiveTrailingGarbage, compress(RAW) + b"garbage"),
    "zeros behind": (ArchiveTrailingGarbage, compress(RAW) + bytes(4)),
    "not zstd": (ArchiveMalformed, b"PK\3\4 this is a zip"),
    "a sound header and nonsense": (ArchiveMalformed, compress(RAW)[:12] + b"\xff" * 3000),
    "checksum wrong": (ArchiveMalformed, compress(RAW, write_checksum=True)[:-1] + b"?"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_bad_stream_is_refused(workshop: Workshop, target: Path, name: str) -> None:
    kind, stored = STREAMS[name]
    workshop.plant(stored)
    refused(workshop, target, kind)


@pytest.mark.parametrize("name", sorted(STREAMS.keys() - {"cut within the second frame"}))
def test_a_bad_frame_is_refused(workshop: Workshop, target: Path, name: str) -> None:
    kind, stored = STREAMS[name]
    workshop.plant(stored, [Frame(0, len(stored), len(RAW), sha256(stored).hexdigest())])
    refused(workshop, target, kind)


def test_a_stream_of_several_and_of_skippable_frames_is_fine(workshop: Workshop, target: Path) -> None:
    skippable = (0x184D2A5E).to_bytes(4, "little") + (6).to_bytes(4, "little") + b"table!"
    workshop.plant(compress(RAW[:700]) + skippable + compress(RAW[700:]) + skippable)
    open_backup(workshop.store, URI).restore_volumes(target)
    assert (target / V / "file").read_text() == "sound"


def test_a_bomb_is_stopped_at_the_limit(workshop: Workshop, target: Path) -> None:
    head = tarfile.TarInfo(f"{V}/bomb")
    head.size = 200 * 2**20
    workshop.plant(compress(head.tobuf() + bytes(200 * 2**20)))
    message = refused(workshop, target, ArchiveTooLarge, Limits(bytes=2**20))
    assert "209715200 or more, 1048576 allowed; if the size is right, raise max_state_bytes" in message


def test_a_bomb_within_a_frame_never_expands(workshop: Workshop, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.plant(BOMB, [Frame(0, len(BOMB), 1000, sha256(BOMB).hexdigest())])
    assert "a frame tells 209715200 raw bytes" in refused(workshop, target, ArchiveTooLarge)
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(200 * 2**20))
    workshop.plant(silent, [Frame(0, len(silent), 1000, sha256(silent).hexdigest())])
    refused(workshop, target, ArchiveTooLarge)


def test_a_frame_larger_than_memory_allows_is_refused(workshop: Workshop, target: Path) -> None:
    workshop.plant(BOMB, [Frame(0, len(BOMB), MAX_RAW + 1, sha256(BOMB).hexdigest())])
    refused(workshop, target, ArchiveTooLarge)


def test_endless_zeros_after_the_end_mark_cost_no_memory_and_are_refused(workshop: Workshop, target: Path) -> None:
    workshop.plant(compress(RAW) + BOMB)
    refused(workshop, target, ArchiveTrailingGarbage)
