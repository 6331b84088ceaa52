"""The data path between S3 and a proven volume: all its rows, at the size asked for."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import memory, transfer, trees, volumes
from benchmarks.table import Row

MEMORY = Path("/dev/shm")
MARGIN = 2  # times the tree: what is unpacked, and what a peer keeps meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """``megabytes`` of the mixed tree, ``files`` of the tree of small ones, ``large`` megabytes for memory and one file."""

    megabytes: int = 256
    files: int = 20_000
    large: int = 1024


FULL = Sizes(megabytes=1024, files=200_000, large=20_480)


def rows(sizes: Sizes) -> Iterator[Row]:
    """Trees and buckets lie on the disk; what is timed writes into memory where there is room, since disks differ and an
    ext4 that has just been emptied is many times slower."""
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as home, _scratch(sizes.megabytes) as place:
        scratch = Path(place)
        mixed, small, large = (Path(home, name) for name in ("mixed", "small", "large"))
        what = f"{sizes.megabytes} MB mixed"
        volumes.prepared(mixed, partial(trees.mixed, total=sizes.megabytes * 2**20))
        yield from transfer.fetching(what, mixed, scratch, (0.5, 0.33))
        yield from volumes.unpacking(what, mixed, scratch, (0.70, 0.42), None)
        yield from volumes.cpu(what, mixed, scratch, 1.15)
        yield from transfer.backing_up(what, mixed, scratch)
        what = f"{sizes.files:,} small files"
        volumes.prepared(small, partial(trees.small, files=sizes.files))
        yield from transfer.fetching(what, small, scratch, (0.5, 0.4))
        yield from volumes.unpacking(what, small, scratch, (0.6, 0.6), 0.18)
        yield from volumes.cpu(what, small, scratch, 1.3)
        yield from _large(sizes, mixed, large)


def _large(sizes: Sizes, mixed: Path, large: Path) -> Iterator[Row]:
    """On the disk: it would not fit into memory."""
    volumes.prepared(large, partial(trees.mixed, total=sizes.large * 2**20))
    yield from volumes.one_file(f"{sizes.large} MB mixed", large, large)
    shutil.rmtree(large / "tree")
    yield from memory.rows(mixed, large, large, (f"{sizes.megabytes} MB", f"{sizes.large} MB"))


def _scratch(megabytes: int) -> "tempfile.TemporaryDirectory[str]":
    room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MARGIN * megabytes * 2**20
    return tempfile.TemporaryDirectory(prefix="relight-bench-", dir=MEMORY if room else None)
