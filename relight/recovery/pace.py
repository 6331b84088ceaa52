"""How many requests at once: more while the API keeps up, half as many when it says that it is busy."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from relight.errors import ServiceUnavailable, Throttled


class Pace:
    """Admits up to ``limit`` callers at once: half as many after a throttled round, one more after each that went well.

    It starts at ``most``: a runner's API serves nobody else.
    """

    def __init__(self, most: int) -> None:
        self.most = self.limit = most
        self._changed, self._inside, self._well, self._halved = Condition(), 0, 0, 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a free place, and learns from how the caller's request ends."""
        with self._changed:
            while self._inside >= self.limit:
                self._changed.wait()
            self._inside += 1
            seen = self._halved
        try:
            yield
        except (Throttled, ServiceUnavailable):
            self._left(seen, well=False)
            raise
        except BaseException:
            self._left(seen, well=True)
            raise
        else:
            self._left(seen, well=True)

    def _left(self, seen: int, *, well: bool) -> None:
        with self._changed:
            self._inside -= 1
            if not well and seen == self._halved:  # the others of one round tell nothing new
                self.limit, self._well, self._halved = max(1, self.limit // 2), 0, self._halved + 1
            elif well:
                self._well += 1
                if self._well >= self.limit and self.limit < self.most:
                    self.limit, self._well = self.limit + 1, 0
                    self._changed.notify()
            self._changed.notify()
