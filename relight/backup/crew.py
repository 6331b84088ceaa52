"""Processes that unpack frames side by side. Threads would wait for each other: most that a small file costs is Python's.

One is started, and forks the others: it has imported what all need, and has no threads. We have, and may not fork.
"""

import json
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from signal import SIGKILL
from socket import SHUT_WR, socket, socketpair
from types import TracebackType
from typing import Any

from relight.backup.frames import Frame
from relight.backup.worker import FAILED, REFUSED
from relight.errors import RestoreFailed

# Nothing is collected: neither imports nor frames leave cycles behind. Nor is anything tidied up at the end: whoever
# waits for the last of them would wait for that.
BOOT = """
import gc, json, os, sys
gc.disable()
sys.path[:] = json.loads(sys.argv[1])
from relight.backup.worker import main
main(json.loads(sys.argv[2]))
os._exit(0)
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
        pairs = [socketpair() for _ in range(workers)]
        self._first = self._start([theirs.fileno() for _, theirs in pairs])
        for _, theirs in pairs:
            theirs.close()
        self._idle: SimpleQueue[Channel] = SimpleQueue()
        self._channels = [Channel(ours) for ours, _ in pairs]
        for channel in self._channels:
            self._idle.put(channel)

    def _start(self, channels: list[int]) -> subprocess.Popen[bytes]:
        """The first worker, which starts the others."""
        site = self._site
        given = {"memory": self._descriptor, "channels": channels, "where": site.where, "most": site.most}
        given |= {"root": str(site.root), "cuts": str(site.cuts)}
        # Without site: its search for packages is done, and takes as long as all else that a worker does to begin.
        command = [sys.executable, "-S", "-c", BOOT, json.dumps(sys.path), json.dumps(given)]
        passed = [self._descriptor, *channels]
        return subprocess.Popen(command, pass_fds=passed, env=os.environ | KEEP, process_group=0)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Each ends when it hears no more, after the frame that it is at; the first after the others."""
        for channel in self._channels:
            channel.hang_up()
        try:
            for channel in self._channels:
                channel.gone()
            self._first.wait(SECONDS_TO_END)
        except (OSError, subprocess.TimeoutExpired):
            os.killpg(self._first.pid, SIGKILL)
            self._first.wait()
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
        channel = self._idle.get()
        try:
            answer: dict[str, Any] = json.loads(channel.ask(order))
            return answer
        except (OSError, ValueError):
            raise RestoreFailed(
                f"{self._site.where}: a process that unpacks it ended by itself; "
                "nothing was restored; give the runner more memory if it has run out of it, and restore again"
            ) from None
        finally:
            self._idle.put(channel)


class Channel:
    """To one process: an order and its answer, a line each."""

    def __init__(self, ours: socket) -> None:
        self._socket, self._answers = ours, ours.makefile("rb")

    def ask(self, order: str) -> bytes:
        self._socket.sendall(f"{order}\n".encode())
        return self._answers.readline()

    def hang_up(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(SHUT_WR)

    def gone(self) -> None:
        """Returns when the process touches nothing any more. Raises TimeoutError."""
        self._socket.settimeout(SECONDS_TO_END)
        with suppress(ConnectionError):
            while self._socket.recv(2**16):
                pass
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Slot:
    """``at``: where ``memory`` begins in what all share."""

    at: int
    memory: memoryview
