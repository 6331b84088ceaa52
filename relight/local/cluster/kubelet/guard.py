"""Runs where bubblewrap cannot, between the cluster and a container's command, so that nothing outlives either of them.

    python guard.py FD COMMAND...

FD is the writing end of a pipe. Once the guard watches over the command, it says so there as bubblewrap does; once nobody
holds the reading end any more, the cluster is gone, however it ended, and the container's processes are killed. Processes
that the command leaves behind come to the guard (the kernel gives orphans to the nearest subreaper) and end when it ends.
SIGTERM ends it all at once; it ends by itself as the command ends. Standard library only: it starts fast.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None)  # loaded before the fork


def _start(command: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.execvp(command[0], command)  # noqa: S606  # no shell: the command is the manifest's
    except OSError as error:
        print(f"exec {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(127)


def _await_end(pipe: int, end: Callable[[], None]) -> None:
    poll = select.poll()
    poll.register(pipe, 0)  # an error is told without asking: the pipe has no reader any more
    poll.poll()
    end()


def _sweep() -> None:
    """Kills what the command left; the children of a killed process come here in turn, until there is none."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while left := children.read_text("ascii").split():
        for pid in map(int, left):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def main(pipe: int, command: list[str]) -> int:
    os.set_inheritable(pipe, False)
    _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    first = _start(command)

    def end(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_await_end, args=(pipe, end), daemon=True).start()
    os.write(pipe, json.dumps({"child-pid": os.getpid()}).encode())
    ended, status = 0, 0
    while ended != first:
        ended, status = os.wait()
    _sweep()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
