"""Process care for the embedded engine: nothing outlives its parent, and everything can be found again.

Every process that the engine starts carries MARK in its environment, and children inherit it. So what belongs to an
engine or to one of its instances can be found by looking, also after a crash, without trusting any record.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

MARK = "RELIGHT_ENGINE_PROCESS"
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded before any fork


def die_with_parent() -> None:
    """In a child before exec: the kernel kills it when its parent's thread ends (Linux; elsewhere the lifeline does)."""
    if sys.platform == "linux":
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def watch_lifeline(end: Callable[[], object]) -> None:
    """Calls ``end`` when standard input closes: whoever started this process is gone."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        end()

    threading.Thread(target=wait, daemon=True, name="lifeline").start()


def marked(mark: str, below: bool = False) -> dict[int, str]:
    """Living processes whose MARK is the path ``mark``, or one below it: id and command line; this one left out."""
    wanted = f"{MARK}={mark}".encode()
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            hit = any(v == wanted or (below and v.startswith(wanted + b"/")) for v in variables)
            if hit and int(folder.name) != os.getpid() and _alive(folder):
                found[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                )
    return found


def alive(pid: int) -> bool:
    """Whether that process lives; one that has been killed and whose parent has not noticed yet does not."""
    with contextlib.suppress(OSError):
        return _alive(Path(f"/proc/{pid}"))
    return False


def _alive(folder: Path) -> bool:
    state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
    return state not in ("Z", "X")


def kill_marked(mark: str, below: bool = False, wait: float = 2.0) -> None:
    """Kills them until none is left, for at most ``wait`` seconds."""
    deadline = time.monotonic() + wait
    while (left := marked(mark, below)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
