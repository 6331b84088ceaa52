"""From a task to work with a receipt: which phase does it, and that one does at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from relight.adapters.s3 import S3
from relight.agent.bench import Bench
from relight.agent.config import AgentConfig
from relight.agent.job import Handler, Job
from relight.agent.tasks import HANDLERS
from relight.agent.watch import GivenUp, Watch
from relight.errors import RequestInvalid, TaskGone
from relight.evidence.receipts import recorded
from relight.model import Order, Phase, Task, encode


class Workbench:
    """Performs tasks, one at a time: two phases, or two tries of one, never touch the runner at once."""

    def __init__(self, bench: Bench, handlers: Mapping[str, Handler]) -> None:
        self.bench, self._handlers = bench, handlers
        self._one_at_a_time = Lock()

    def perform(self, task: Task, order: Order, watch: Watch) -> Any:
        """The phase's record, its receipt written. Raises what the phase raises, and what ``Watch.over`` does."""
        job = Job(task, order, watch, self.bench)
        handler = self._handler(task)
        inputs = {"plan": order.plan.hash, "backup": order.plan.backup_uri, **task.inputs}
        receipt = (self.bench.store, order.evidence_prefix, order.run, Phase(task.phase), task.attempt, inputs)
        gone: TaskGone | None = None
        with recorded(*receipt, secrets=[task.token]) as record:
            try:
                answer = self._answer(handler, job)
            except TaskGone as error:
                gone, record.handed_over = error, True  # whoever ended the wait, or Report, writes the receipt
            else:
                record.outputs = encode(answer)
                record.verdicts = list(record.outputs.pop("checks", []))
        if gone:
            raise gone
        return answer

    def _answer(self, handler: Handler, job: Job) -> Any:
        try:
            return job.watch.over(lambda: self._alone(handler, job))
        except (TaskGone, GivenUp):
            raise
        except Exception as error:
            if handler.unable is None:
                raise
            return handler.unable(job, error)

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._one_at_a_time:
            yield

    def _alone(self, handler: Handler, job: Job) -> Any:
        with self.alone():
            job.watch.go_on()
            return handler.perform(job)

    def _handler(self, task: Task) -> Handler:
        if task.phase not in self._handlers:
            known = ", ".join(self._handlers)
            raise RequestInvalid(
                f"task {task.phase!r}",
                "this agent does not do that",
                f"it does {known}; deploy agent and functions together",
            )
        return self._handlers[task.phase]


def set_up(config: AgentConfig) -> Workbench:
    return Workbench(Bench(config, S3()), HANDLERS)
