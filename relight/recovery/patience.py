"""Bounded waiting: a few tries with growing, jittered pauses, never past a deadline."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from relight.errors import RetryableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(at=time.monotonic() + seconds)

    @property
    def left(self) -> float:
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.left == 0.0

    def sooner(self, seconds: float) -> "Deadline":
        """This one, or ``seconds`` from now if that is earlier."""
        return Deadline(at=min(self.at, time.monotonic() + seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often to try a request that the API may answer later, and how long to pause between tries (seconds)."""

    tries: int = 8
    first_pause: float = 0.1
    longest_pause: float = 5.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def persist(self, call: Callable[[], T], deadline: Deadline) -> T:
        """The call's answer. Raises its last RetryableError when tries or time run out; other errors at once."""
        for tried in range(1, self.tries + 1):
            try:
                return call()
            except RetryableError:
                pause = self._pause(tried)
                if tried == self.tries or pause >= deadline.left:
                    raise
                self.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _pause(self, tried: int) -> float:
        ceiling = min(self.longest_pause, self.first_pause * 2**tried)
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - spreads load, guards nothing


def poll(ask: Callable[[], T | None], deadline: Deadline, *, every: float = 0.25, longest: float = 2.0) -> T | None:
    """The first answer that is not None, or None at the deadline; ``ask`` is always called at least once."""
    pause = every
    while (answer := ask()) is None and not deadline.passed:
        time.sleep(min(pause, deadline.left))
        pause = min(longest, pause * 1.2)
    return answer
