"""The agent's one loop: read the runner's partition of the table, pass on what is new."""

import time
from collections.abc import Callable
from threading import Event

from relight.agent.desk import one_line
from relight.agent.logs import log

EAGER_SECONDS = 0.3
CALM_SECONDS = 1.0
EAGER_FOR = 120.0  # the time in which the order and the first tasks of a recovery arrive


class Loop:
    """Calls ``turn`` until ``stop``; a turn that fails is logged and tried again, since the next may succeed."""

    def __init__(self, turn: Callable[[], None], stop: Event) -> None:
        self._turn, self._stop = turn, stop

    def run(self) -> None:
        started = time.monotonic()
        while not self._stop.is_set():
            self._try()
            eager = time.monotonic() - started < EAGER_FOR
            self._stop.wait(EAGER_SECONDS if eager else CALM_SECONDS)

    def _try(self) -> None:
        try:
            self._turn()
        except Exception as error:  # also what is malformed there: the agent must live to see it corrected
            log.warning(f"a look at the table failed: {one_line(error)}")
