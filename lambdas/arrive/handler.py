"""Arrive: every event and schedule that may start a run comes through here, and the same one twice is the same run."""

from typing import Any

from aws_lambda_powertools import Logger

from lambdas.arrive.events import parse
from lambdas.arrive.gate import Gate
from relight.adapters.arrivals import Arrivals
from relight.adapters.signals import alarm
from relight.adapters.table import Table
from relight.adapters.workflow import Workflow
from relight.model import encode
from relight.settings import function_settings
from relight.telling import Teller

log = Logger()


def handler(event: dict[str, Any], context: object) -> Any:
    """What came of it. Whatever it raises, Lambda tries again and then keeps among the dead letters."""
    settings = function_settings()
    gate = Gate(
        deployment=settings.name,
        machine=settings.state_machine,
        arrivals=Arrivals(settings.table),
        table=Table(settings.table),
        workflow=Workflow(settings.state_machine),
        teller=Teller(deployment=settings),
        alarm=lambda name: alarm(name, ("MetricAlarm",)),
    )
    fired = gate.receive(parse(event, settings.name))
    log.info("arrived", extra={"fired": encode(fired)})
    return encode(fired)
