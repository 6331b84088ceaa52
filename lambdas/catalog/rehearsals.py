"""Whether drills are alive, told from outside the workflow: one that never began, hung or failed tells nothing by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aws_lambda_powertools import Logger

from relight.adapters.catalog import Catalog
from relight.adapters.metrics import emit
from relight.config import App
from relight.drills import overdue, unproven

log = Logger()


@dataclass(frozen=True, slots=True)
class Rehearsals:
    """``armed``: whether the app's alarm would start a recovery now."""

    app: App
    catalog: Catalog
    armed: Callable[[], bool]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def tell(self) -> None:
        """Raises what the table and EventBridge raise: the round is done again then."""
        passed = self.catalog.drill(self.app.name)
        self._emit("DrillOverdue", overdue(self.app.drill, passed, self.clock()))
        why = unproven(self.app, passed)
        self._emit("ArmedUnproven", why if why and self.armed() else None)

    def _emit(self, name: str, why: str | None) -> None:
        emit(name, int(why is not None), app=self.app.name)
        if why:
            log.warning(name, extra={"app": self.app.name, "reason": why})
