"""Work under watch: done in a thread of its own while this one heartbeats, keeps the deadline and listens for the end.

A thread cannot be ended from outside. Work that is given up (deadline, stop, token gone) sees it at its next ``go_on()``;
its result is dropped whenever it comes.
"""

from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TypeVar

from relight.agent.background import begin
from relight.errors import RunnerLost, TaskTimedOut
from relight.model import Task, moment

T = TypeVar("T")
STEP_SECONDS = 0.5
ANSWER_SECONDS = 5.0  # for the receipt and the answer of work that ran into its deadline
SHARE = 3  # heartbeats in the time the state machine allows for one: two may be lost


class GivenUp(Exception):
    """Ends work whose answer nobody waits for any more. Never leaves the agent."""


class Watch:
    """Watches one task. ``beat`` sends a heartbeat; it raises TaskGone when nobody waits for the task any more."""

    def __init__(self, task: Task, beat: Callable[[], None]) -> None:
        self._task, self._beat = task, beat
        self._wake, self._stopped, self._over = Event(), Event(), Event()
        self._deadline = moment(task.deadline_at) - _margin(task)

    def stop(self) -> None:
        """The agent is ending: ``over`` raises RunnerLost at once."""
        self._stopped.set()
        self._wake.set()

    def stopped(self, within: float = 0.0) -> bool:
        """Whether the agent is ending; waits up to ``within`` seconds to find out."""
        return self._stopped.wait(within)

    def left(self) -> float:
        """Seconds until the work has to be done; negative after that."""
        return (self._deadline - datetime.now(UTC)).total_seconds()

    def go_on(self) -> None:
        """Called by the work between its steps. Raises GivenUp."""
        if self._over.is_set():
            raise GivenUp

    def wait(self, future: Future[T]) -> T:
        """The future's result, for the work. Raises GivenUp, and what the future raises."""
        while not future.done():
            self.go_on()
            wait([future], timeout=STEP_SECONDS)
        return future.result()

    def sleep(self, seconds: float) -> None:
        """For the work. Raises GivenUp."""
        self._over.wait(seconds)
        self.go_on()

    def over(self, work: Callable[[], T]) -> T:
        """What the work returns or raises. Raises TaskTimedOut, RunnerLost or TaskGone when it is given up first."""
        self._look()  # no work is begun for a token that nobody waits for: what stands here may be another run's
        future = begin(work, f"{self._task.phase}-work")
        future.add_done_callback(lambda _: self._wake.set())
        try:
            while not future.done():
                self._wake.wait(min(self._interval(), max(self.left(), 0)))
                if not future.done():
                    self._look()
            return future.result()
        finally:
            self._over.set()

    def _look(self) -> None:
        named = f"{self._task.phase} attempt {self._task.attempt}"
        if self.stopped():
            raise RunnerLost(f"{named}: the agent was stopped while at work; the runner is going away; run the phase again")
        if self.left() <= 0:
            raise TaskTimedOut(
                f"{named}: not done by its deadline {self._task.deadline_at}; given up; the agent's log has its last step"
            )
        if self._task.heartbeat_seconds:
            self._beat()

    def _interval(self) -> float:
        return max(self._task.heartbeat_seconds, SHARE) / SHARE if self._task.heartbeat_seconds else 30.0


def _margin(task: Task) -> timedelta:
    """The state machine's own clock began before ours and ends the wait: an answer has to be there before that."""
    return min(timedelta(seconds=ANSWER_SECONDS), (moment(task.deadline_at) - moment(task.given_at)) / 10)
