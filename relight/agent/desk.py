"""Where tasks arrive: each is taken once, worked on under watch, and answered once."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Any, Protocol

from relight.agent.journal import Answer, Journal
from relight.agent.logs import log
from relight.agent.watch import GivenUp, Watch
from relight.errors import FailbackStopped, RelightError, RetryableError, TaskGone
from relight.model import Order, Task, encode
from relight.records import replace

STOP_SECONDS = 5.0  # for tasks at work to answer that the runner is going: systemd and EC2 give little more
RESEND_SECONDS = 2.0


class Line(Protocol):
    """The state machine's end of a task token: ``adapters.workflow.Workflow``. Raises TaskGone when nobody waits for it."""

    def heartbeat(self, token: str) -> None: ...
    def succeed(self, token: str, output: Any) -> None: ...
    def fail(self, token: str, error: str, cause: str) -> None: ...


class Desk:
    """``perform`` does a task, with its receipt, and returns the record that answers it."""

    def __init__(self, journal: Journal, line: Line, perform: Callable[[Task, Order, Watch], Any]) -> None:
        self._journal, self._line, self._perform = journal, line, perform
        self._taken: dict[tuple[str, int], tuple[Thread, Watch]] = {}

    def take(self, task: Task, order: Order) -> None:
        """Starts on a task, unless it was taken before; a later attempt is another. Returns at once."""
        if (task.token, task.attempt) in self._taken:
            return
        watch = Watch(task, lambda: self._beat(task))
        thread = Thread(target=self._attend, args=(task, order, watch), name=task.phase, daemon=True)
        self._taken[task.token, task.attempt] = thread, watch
        thread.start()

    def stop(self) -> None:
        """Answers the tasks at work with RunnerLost, within STOP_SECONDS."""
        until = time.monotonic() + STOP_SECONDS
        for _, watch in self._taken.values():
            watch.stop()
        for thread, _ in self._taken.values():
            thread.join(max(0.0, until - time.monotonic()))

    def _attend(self, task: Task, order: Order, watch: Watch) -> None:
        said: dict[str, Any] = {"phase": task.phase, "attempt": task.attempt}
        try:
            answer = self._journal.find(task) or self._work(task, order, watch)
            if not answer.sent:
                self._send(task, answer, watch)
                log.info(f"answered: {answer.error or 'done'}", **said)
        except (TaskGone, GivenUp):
            log.info("dropped: nobody waits for it any more", **said)
        except FailbackStopped as error:  # an answer would end Serve
            log.error(f"not answered, so that production goes on: {one_line(error)}", **said)
        except Exception as error:  # the end of the thread: nobody else would say it
            log.error(f"not answered: {one_line(error)}", **said)

    def _work(self, task: Task, order: Order, watch: Watch) -> Answer:
        log.info("taken", phase=task.phase, attempt=task.attempt, run_id=order.run.run_id, deadline_at=task.deadline_at)
        answer = Answer(phase=task.phase, attempt=task.attempt, **self._outcome(task, order, watch))
        self._keep(task, answer)
        return answer

    def _outcome(self, task: Task, order: Order, watch: Watch) -> dict[str, Any]:
        try:
            return {"output": encode(self._perform(task, order, watch))}
        except (TaskGone, GivenUp, FailbackStopped):
            raise
        except Exception as error:  # whatever went wrong, the state machine must hear of it now and not by a timeout
            expected = isinstance(error, RelightError)
            log.error(f"failed: {one_line(error)}", phase=task.phase, attempt=task.attempt, exc_info=not expected)
            return {"error": type(error).__name__, "cause": one_line(error)}

    def _send(self, task: Task, answer: Answer, watch: Watch) -> None:
        while True:
            try:
                if answer.error:
                    self._line.fail(task.token, answer.error, answer.cause)
                else:
                    self._line.succeed(task.token, answer.output)
                return self._keep(task, replace(answer, sent=True))
            except RetryableError as error:
                log.warning(f"answer not taken yet: {one_line(error)}", phase=task.phase)
                if watch.left() <= 0 or watch.stopped(within=RESEND_SECONDS):
                    raise

    def _keep(self, task: Task, answer: Answer) -> None:
        try:
            self._journal.keep(task, answer)
        except OSError as error:  # a full disk: the answer matters more than remembering it
            log.warning(f"answer not kept: {error.strerror}", phase=task.phase)

    def _beat(self, task: Task) -> None:
        try:
            self._line.heartbeat(task.token)
        except TaskGone:
            raise
        except RelightError as error:  # the next one may get through
            log.warning(f"heartbeat not taken: {one_line(error)}", phase=task.phase)


def one_line(error: Exception) -> str:
    """The error's message as one line; an error that is not ours is a defect, and says so."""
    text = " ".join("; ".join([str(error), *getattr(error, "__notes__", ())]).split())
    return text if isinstance(error, RelightError) else f"{text or 'no message'}; a defect of the agent; see its log"
