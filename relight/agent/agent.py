"""The agent: reads what was left for its runner, and passes each thing to the part that deals with it."""

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from relight.adapters import imds
from relight.adapters.table import Table
from relight.adapters.workflow import Workflow
from relight.agent.config import AgentConfig
from relight.agent.desk import Desk, Line
from relight.agent.expiry import Expiry
from relight.agent.journal import Journal
from relight.agent.logs import log
from relight.agent.loop import Loop
from relight.agent.watch import Watch
from relight.model import Order, Task

if TYPE_CHECKING:
    from relight.agent.serving import Serving
    from relight.agent.workbench import Workbench


class Agent:
    def __init__(self, config: AgentConfig, instance_id: str, table: Table, line: Line) -> None:
        self._config, self._table = config, table
        self._principal = config.principal(instance_id)
        self._expiry = Expiry(Path(config.expiry_file))
        self._desk = Desk(Journal(config.data / "tasks"), line, self._perform)
        self._workbench: Workbench | None = None
        self._serving: Serving | None = None
        self._faults: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: AgentConfig) -> "Agent":
        """Raises ServiceUnavailable off an instance."""
        return cls(config, imds.instance_id(), Table(config.table), Workflow())

    def run(self, stop: Event) -> None:
        log.info("agent started", principal=self._principal)
        Loop(self.turn, stop).run()
        self._desk.stop()
        log.info("agent stopped")

    def turn(self) -> None:
        """One look into the mailbox. A task without an order waits for the next look."""
        mail = self._table.mailbox(self._principal)
        self._expiry.follow(mail.lease_expires_at)
        self._say(mail.faults)
        if mail.order is None:
            return
        self._ready().bench.prepare(mail.order)
        if mail.keys:
            self._care().turn(mail.order, mail.keys)
        for task in mail.tasks:
            self._desk.take(task, mail.order)

    def _say(self, faults: tuple[str, ...]) -> None:
        """Once, not at every look: what is malformed stays until somebody corrects it."""
        for fault in faults if faults != self._faults else ():
            log.error(f"mailbox: cannot be read, left alone: {fault}; deploy agent and functions of one version")
        self._faults = faults

    def _perform(self, task: Task, order: Order, watch: Watch) -> Any:
        return self._ready().perform(task, order, watch)

    def _care(self) -> "Serving":
        if self._serving is None:
            from relight.agent.serving import Serving  # a drill's runner never needs it

            self._serving = Serving(self._table, self._principal, self._ready())
        return self._serving

    def _ready(self) -> "Workbench":
        if self._workbench is None:
            from relight.agent.workbench import set_up  # half a second of imports, not before the first request

            self._workbench = set_up(self._config)
        return self._workbench
