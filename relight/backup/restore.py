"""Restoring volumes: frames side by side where the archive is made of them, else in order; in place once all is proven."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.backup import index, metadata
from relight.backup.crew import Crew, Extraordinary, Site
from relight.backup.filetree import FileTree
from relight.backup.frames import Frame, FrameTable
from relight.backup.frametree import OnceTree
from relight.backup.parallel import ordered
from relight.backup.sparse import split
from relight.backup.staging import Staging
from relight.backup.unpack import Limits, Tally, VolumeSize, unpack
from relight.errors import BackupError

if TYPE_CHECKING:
    from relight.backup.reader import Backup

Progress = Callable[[int], None]
AHEAD = 14  # frames that are being fetched, waiting, or being unpacked
WAITING = 64  # what more of them held, until it is their turn to be told
MOST_WORKERS = 8
SHARES_MEMORY = hasattr(os, "memfd_create")  # Linux does; elsewhere archives are read in order


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeStats:
    """What was restored. ``bytes``: file content, holes included; ``files``: files by name. ``index``: None without one."""

    bytes: int
    files: int
    volumes: tuple[VolumeSize, ...]
    index: Path | None


def silent(_: int) -> None:
    """A ``Progress`` that nobody hears."""


def restore_volumes(backup: "Backup", target: Path, limits: Limits, progress: Progress) -> VolumeStats:
    """See ``Backup.restore_volumes``."""
    with Staging(target) as staging:
        try:
            tally = _unpacked(backup, staging, limits, progress)
            staging.move()
        except BackupError:
            backup.expect_undamaged()
            raise
    found = target / index.NAME
    return VolumeStats(bytes=tally.bytes, files=tally.files, volumes=tally.volumes, index=found if found.exists() else None)


def _unpacked(backup: "Backup", staging: Staging, limits: Limits, progress: Progress) -> Tally:
    where, table = backup.where(metadata.STATE), backup.frames()
    if table and len(table.frames) > 1 and SHARES_MEMORY:
        try:
            return SideBySide(backup, table, staging, Tally(where, limits, backup.metadata), limits.bytes).run(progress)
        except Extraordinary:
            staging.renew()  # what is wrong, if anything is, shows when it is read in order
    tally = Tally(where, limits, backup.metadata)
    with closing(backup.state()) as raw, closing(FileTree(staging.tree, where)) as tree:
        unpack(_told(raw, progress), where, tree, tally)
        tree.finish()
    return tally


class SideBySide:
    """Unpacks an archive's frames by several processes, and proves that it comes to what reading in order would.

    Each frame says with what it begins; it is held against where the frame before it ended.
    """

    def __init__(self, backup: "Backup", table: FrameTable, staging: Staging, tally: Tally, most: int) -> None:
        self._backup, self._table, self._staging, self._tally, self._most = backup, table, staging, tally, most
        self._where = backup.where(metadata.STATE)
        self._cut: Any = None  # the file that is open between two frames: member, segments to come, path, stamp
        self._whole: list[Any] = []
        self._hardlinks: list[tuple[str, str]] = []
        self._last = self._ended = False

    def run(self, progress: Progress) -> Tally:
        """Raises Extraordinary where only reading in order can judge, ArchiveTooLarge, DigestMismatch, RestoreFailed."""
        so_far = 0
        with closing(OnceTree(self._staging.tree, self._where)) as tree:
            for frame, found in self._results():
                self._tally.include(*found["count"])
                self._follow(frame, found)
                self._hold(tree.directories.keys().isdisjoint(found["directories"]))
                tree.directories |= {path: tuple(stamp) for path, stamp in found["directories"].items()}
                tree.roundabout += found["roundabout"]
                so_far += frame.raw_length
                progress(so_far)
            self._finish(tree)
        return self._tally

    def _results(self) -> Iterator[tuple[Frame, dict[str, Any]]]:
        frames, stored = self._table.frames, self._backup.found(metadata.STATE)
        site = Site(root=self._staging.tree, cuts=self._staging.cuts, where=self._where, most=self._most)
        workers = min(len(frames), len(os.sched_getaffinity(0)), MOST_WORKERS)
        ahead = self._table.at_once(AHEAD, workers)

        def one(given: tuple[int, tuple[Frame, int]]) -> tuple[Frame, dict[str, Any]]:
            number, (frame, start) = given
            with crew.slot() as slot:
                length = self._backup.fetch(number, frame, stored, slot.memory)
                return frame, crew.unpack(slot, frame, start, length)

        with (
            Crew(site, workers, ahead, max(frame.length for frame in frames)) as crew,
            closing(ordered(one, enumerate(_starts(frames)), ahead, WAITING)) as results,
        ):
            yield from results

    def _follow(self, frame: Frame, found: dict[str, Any]) -> None:
        """Whether this frame goes on where the one before it ended."""
        self._hold(not self._ended)
        if frame.continues:
            self._continue(frame)
        self._hold(not self._cut or (not found["count"][0] and not found["ended"]))
        self._hold(not self._last or not found["count"][0])
        self._cut = found["cut"] or self._cut
        self._last, self._ended = self._last or found["index"], found["ended"]
        self._hardlinks += found["hardlinks"]
        self._close_cut()

    def _continue(self, frame: Frame) -> None:
        assert frame.continues
        self._hold(self._cut is not None and self._cut[0] == frame.continues.member)
        here = frame.continues.segments
        now, rest = split(tuple(map(tuple, self._cut[1])), sum(length for _, length in here))
        self._hold(now == here)
        self._cut[1] = rest
        self._close_cut()

    def _close_cut(self) -> None:
        if self._cut and not self._cut[1]:
            self._whole.append(self._cut)
            self._cut = None

    def _hold(self, fits: bool) -> None:
        if not fits:
            raise Extraordinary(self._where)

    def _finish(self, tree: FileTree) -> None:
        self._hold(self._ended and not self._cut)
        try:
            for member, _, path, stamp in self._whole:
                tree.adopt(self._staging.cuts / str(member), path, tuple(stamp))
            for path, source in self._hardlinks:
                tree.hardlink(path, source)
            tree.finish()
        except BackupError as error:
            raise Extraordinary(str(error)) from error


def _starts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, int]]:
    """Each frame, and where its raw bytes begin in the raw archive."""
    start = 0
    for frame in frames:
        yield frame, start
        start += frame.raw_length


def _told(raw: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    so_far = 0
    for piece in raw:
        so_far += len(piece)
        progress(so_far)
        yield piece
