"""Processes that unpack frames side by side. Threads would wait for each other: most that a small file costs is Python's."""

import json
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from relight.backup.frames import Frame
from relight.backup.worker import FAILED, REFUSED
from relight.errors import RestoreFailed

BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from relight.backup.worker import main
main(json.loads(sys.argv[2]))
"""
KEEP = {"MALLOC_MMAP_THRESHOLD_": str(2**28), "MALLOC_TRIM_THRESHOLD_": str(2**28)}  # a frame's memory, for the next frame
SECONDS_TO_END = 10


class Extraordinary(Exception):
    """This archive is to be read in order: it is hostile, or merely unusual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a crew works: the tree, the place for cut files, the archive's URI, and how many bytes one file may have."""

    root: Path
    cuts: Path
    where: str
    most: int


class Crew:
    """``workers`` processes, and ``slots`` pieces of memory of ``size`` bytes that they share with us. Thread-safe.

    A context; leaving it ends the processes, and whoever waits for one.
    """

    def __init__(self, site: Site, workers: int, slots: int, size: int) -> None:
        self._site, self._size = site, size
        self._descriptor = os.memfd_create("relight-frames")
        os.ftruncate(self._descriptor, slots * size)
        self._memory = memoryview(mmap.mmap(self._descriptor, slots * size))
        self._slots: SimpleQueue[int] = SimpleQueue()
        for slot in range(slots):
            self._slots.put(slot * size)
        self._workers = [self._start() for _ in range(workers)]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def _start(self) -> subprocess.Popen[bytes]:
        site = self._site
        given = {"memory": self._descriptor, "where": site.where, "most": site.most}
        given |= {"root": str(site.root), "cuts": str(site.cuts)}
        # Without site: its search for packages is done, and takes as long as all else that a worker does to begin.
        command = [sys.executable, "-S", "-c", BOOT, json.dumps(sys.path), json.dumps(given)]
        piped = subprocess.PIPE
        return subprocess.Popen(
            command, stdin=piped, stdout=piped, pass_fds=[self._descriptor], env=os.environ | KEEP, process_group=0
        )

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._workers:
            worker.kill()  # all is done, or all is in vain
        for worker in self._workers:
            worker.wait(SECONDS_TO_END)
        os.close(self._descriptor)

    @contextmanager
    def slot(self) -> Iterator["Slot"]:
        """A piece of shared memory, as long as the context lasts."""
        at = self._slots.get()
        try:
            yield Slot(at, self._memory[at : at + self._size])
        finally:
            self._slots.put(at)

    def unpack(self, slot: "Slot", frame: Frame, start: int, length: int) -> dict[str, Any]:
        """What the frame held (``frametree.Found`` as plain data), once unpacked. ``slot`` has its ``length`` bytes.

        Raises Extraordinary, RestoreFailed.
        """
        continues = frame.continues and [frame.continues.member, frame.continues.segments]
        order = {"length": length, "raw_length": frame.raw_length, "start": start, "continues": continues}
        answer = self._ask(json.dumps(order | {"at": slot.at}))
        if REFUSED in answer:
            raise Extraordinary(answer[REFUSED])
        if FAILED in answer:
            raise RestoreFailed(answer[FAILED])
        return answer

    def _ask(self, order: str) -> dict[str, Any]:
        worker = self._idle.get()
        try:
            assert worker.stdin and worker.stdout
            worker.stdin.write(f"{order}\n".encode())
            worker.stdin.flush()
            answer: dict[str, Any] = json.loads(worker.stdout.readline())
            return answer
        except (OSError, ValueError):
            raise RestoreFailed(
                f"{self._site.where}: a process that unpacks it ended by itself (status {worker.poll()}); "
                "nothing was restored; give the runner more memory if it has run out of it, and restore again"
            ) from None
        finally:
            self._idle.put(worker)


@dataclass(frozen=True, slots=True)
class Slot:
    """``at``: where ``memory`` begins in what all share."""

    at: int
    memory: memoryview
