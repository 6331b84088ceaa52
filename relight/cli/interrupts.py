"""Ctrl-C and SIGTERM as a ``KeyboardInterrupt`` that arrives: a command that started processes ends by its cleaning up."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

from relight.cli import exits

BOTH: Final = (signal.SIGINT, signal.SIGTERM)
AGAIN: Final = 1.0  # seconds until an interrupt that Python swallowed is sent once more
PATIENCE: Final = 25.0  # seconds an interrupted command may take to clean up


def heed() -> None:
    """From now on both interrupt. SIGINT is ignored by default in a shell's background."""
    sys.unraisablehook = quietly
    for number in BOTH:
        signal.signal(number, interrupt)


def heed_once() -> None:
    """From now on the first of both interrupts, and no other: for a command whose cleaning up begins deep inside."""
    sys.unraisablehook = anew
    for number in BOTH:
        signal.signal(number, once)


def once(number: int, frame: object) -> None:
    ignore()
    raise KeyboardInterrupt


def anew(unraisable: "sys.UnraisableHookArgs") -> None:
    """The one interrupt was swallowed: it comes again, a moment later."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        for number in BOTH:
            signal.signal(number, once)
        later(AGAIN, lambda: os.kill(os.getpid(), signal.SIGTERM))
    quietly(unraisable)


def ignore() -> None:
    """For cleaning up, which a second Ctrl-C must not stop half way."""
    for number in BOTH:
        signal.signal(number, signal.SIG_IGN)


def interrupt(number: int, frame: object) -> None:
    """Raises, again and again until the cleaning up has begun: Python swallows what is raised in a destructor or at a fork.

    Should an interrupt at a bad moment have locked the command up, it ends without cleaning up: what it started ends with
    it, for each holds a lifeline to this process.
    """
    later(AGAIN, lambda: os.kill(os.getpid(), number))
    later(PATIENCE, lambda: os._exit(exits.INTERRUPTED))
    raise KeyboardInterrupt


def later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def quietly(unraisable: "sys.UnraisableHookArgs") -> None:
    """An interrupt that Python swallowed comes again: nothing to tell a person."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
