"""Which run an arrival becomes, if any: each cause at most one, each app at most one incident at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.arrive.events import Arrival
from relight.adapters.approvals import Approval
from relight.adapters.arrivals import Arrivals, Fired
from relight.adapters.items import Item
from relight.adapters.signals import AlarmState
from relight.adapters.table import Lease, Table
from relight.adapters.workflow import Workflow
from relight.errors import Conflict, RelightError
from relight.incidents import Incidents
from relight.messages import Kind
from relight.model import Mode, Outcome, Run, RunRequest, decode, moment, timestamp
from relight.records import replace
from relight.telling import About, Teller, until, variables
from relight.words import duration

LATE = timedelta(hours=1)  # an older cause is no news; whether the app is still unwell is the watch's to see
ON_ITS_WAY = timedelta(minutes=2)  # so long the watch leaves a new alarm to the alarm's own event
RECENT = 20  # runs that the watch looks back over
ROUNDS = ("watch", "remind")  # they come every few minutes, and mostly have nothing to do
DRILL, INCIDENT = Mode.DRILL, Mode.INCIDENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """``alarm``: the state of an alarm by its name; ``machine``: the state machine's ARN."""

    deployment: str
    machine: str
    arrivals: Arrivals
    table: Table
    workflow: Workflow
    teller: Teller
    alarm: Callable[[str], AlarmState | None]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def receive(self, arrival: Arrival) -> Fired:
        """What came of it; on record where it concerns a run."""
        said, run_id = ANSWERS[arrival.trigger](self, arrival)
        at = timestamp(self.clock())
        fired = Fired(trigger=arrival.trigger, at=at, cause=arrival.cause, said=said, run_id=run_id)
        if arrival.app and (run_id or arrival.trigger not in ROUNDS):
            self.arrivals.note_fired(arrival.app, fired)
        return fired

    # ------------------------------------------------------------ incidents
    def alarmed(self, arrival: Arrival) -> "Answer":
        if arrival.value != "ALARM":
            return f"the alarm is {arrival.value}: nothing to do", None
        return self._late(arrival) or self._incident(arrival)

    def watch(self, arrival: Arrival) -> "Answer":
        """An alarm tells only that it changed. That it stays, and that nobody is at it, is looked at here."""
        name = f"{self.deployment}-{arrival.app}-unhealthy"
        state = self.alarm(name)
        if state is None or state.state != "ALARM" or self.clock() - state.since < ON_ITS_WAY:
            return "nothing to do", None
        if known := self._answered(arrival.app, state.since):
            return f"run {known} was started for it", None
        reason = f"still in alarm since {timestamp(state.since)}, and no run is at it: {state.reason}"
        return self._late(arrival) or self._incident(replace(arrival, reason=reason))

    def _answered(self, app: str, since: datetime) -> str | None:
        """The incident run since then that came to more than a healthy moment."""
        for run_id in self.table.runs(app, RECENT):
            record = self.table.run(run_id)
            if record is None or record["run"]["mode"] != INCIDENT or moment(record["run"]["started_at"]) < since:
                continue
            if record.get("outcome") != Outcome.HEALTHY:
                return run_id
        return None

    def _incident(self, arrival: Arrival) -> "Answer":
        run_id = arrival.run_id(INCIDENT)
        lease = self._lease(arrival.app)
        if lease and lease.mode == INCIDENT and lease.run_id != run_id and not lease.undecided:
            return f"already being handled by run {lease.run_id}", lease.run_id
        if other := self._incidents.claim(arrival.app, run_id):
            return f"already being handled by run {other}", other
        with self._incidents.starting(arrival.app, run_id):
            return self._start(arrival, INCIDENT)

    # ------------------------------------------------------------ drills
    def drill(self, arrival: Arrival) -> "Answer":
        if late := self._late(arrival):
            return late
        lease = self._lease(arrival.app)
        if lease and lease.run_id != arrival.run_id(DRILL):
            return f"skipped: run {lease.run_id} ({lease.mode}) has the app", None
        return self._start(replace(arrival, reason="scheduled drill"), DRILL)

    # ------------------------------------------------------------ news
    def recovered(self, arrival: Arrival) -> "Answer":
        """An app that is well again while its run goes on: who decides must know it."""
        lease = self._lease(arrival.app)
        record = self.table.run(lease.run_id) if lease and lease.mode == INCIDENT and not lease.promoted else None
        if record is None:
            return "no run to tell it to", None
        run, well = decode(record["run"], Run), arrival.value == "OK"
        self.table.note_run(run, recovered_at=timestamp(arrival.at) if well else None)
        if well:
            self._tell(run, record, arrival)
        return f"{run.app} is {'healthy' if well else 'not healthy'} again while run {run.run_id} goes on", run.run_id

    def _tell(self, run: Run, record: Item, arrival: Arrival) -> None:
        approval = self.table.approval(run.run_id)
        if approval is None or approval.decision or approval.expires_at <= self.clock().timestamp():
            return
        about = About(run=run, approval=approval, variables=variables(record))
        self.teller.send(Kind.WELL_AGAIN, about, since=timestamp(arrival.at), why=arrival.reason, until=until(approval))

    def remind(self, arrival: Arrival) -> "Answer":
        """Who was asked hears again, and once somebody else, before the window closes. Each is sent once, to one round."""
        lease = self._lease(arrival.app)
        record, approval = (self.table.run(lease.run_id), self.table.approval(lease.run_id)) if lease else (None, None)
        kind = due(approval, self.clock()) if approval else None
        if not record or not approval or kind is None:
            return "nothing to do", None
        run, told = decode(record["run"], Run), replace(approval, told=(*approval.told, kind.value))
        if not self.table.change_approval(run.run_id, approval, told):
            return "it changed meanwhile", None
        try:
            left = duration(approval.expires_at - self.clock().timestamp())
            about = About(run=run, approval=approval, variables=variables(record))
            self.teller.send(kind, about, left=left, until=until(approval))
        except RelightError:
            self._untold(run.run_id, kind)
            raise
        return f"{kind} for {run.run_id} sent", None

    def _untold(self, run_id: str, kind: Kind) -> None:
        """What could not be sent is sent in another round."""
        if approval := self.table.approval(run_id):
            told = tuple(one for one in approval.told if one != kind.value)
            self.table.change_approval(run_id, approval, replace(approval, told=told))

    def health(self, arrival: Arrival) -> "Answer":
        assert arrival.event is not None
        kept = self.arrivals.note_health(arrival.event)
        return ("noted" if kept else "older than what is known: left out"), None

    # ------------------------------------------------------------ what they share
    def _start(self, arrival: Arrival, mode: Mode) -> "Answer":
        run_id = arrival.run_id(mode)
        request = RunRequest(
            app=arrival.app, mode=mode, reason=arrival.reason, initiator=arrival.cause, backup=arrival.backup
        )
        try:
            arn = self.workflow.start(run_id, request)
        except Conflict:  # the name is the cause's: what was told of it the first time counts
            return f"run {run_id} was started for it before", run_id
        if self.table.run(run_id) is None:  # on record at once, so that whoever hears of it can follow it
            about = {name: getattr(request, name) for name in RunRequest.__struct_fields__}
            at = timestamp(self.clock())
            self.table.note_run(Run(**about, run_id=run_id, started_at=at, execution_arn=arn))
        return f"started run {run_id}", run_id

    def _late(self, arrival: Arrival) -> "Answer | None":
        age = self.clock() - arrival.at
        if age <= LATE:
            return None
        return f"too late: it came {int(age.total_seconds()) // 60} minutes after its cause; nothing was started", None

    def _lease(self, app: str) -> Lease | None:
        """The lease that counts: a run that is over, and did not give it back, holds up nobody."""
        lease = self.table.lease(app)
        if lease is None or lease.expired(self.clock().timestamp()):
            return None
        return lease if lease.held or lease.promoted or not self._incidents.over(lease.run_id) else None

    @property
    def _incidents(self) -> Incidents:
        return Incidents(
            arrivals=self.arrivals,
            workflow=self.workflow,
            machine=self.machine,
            clock=lambda: self.clock().timestamp(),
        )


def due(approval: Approval, at: datetime) -> Kind | None:
    """What people have not been told yet of an approval that waits. The escalation stands for the reminder too."""
    now = at.timestamp()
    if approval.decision or approval.expires_at <= now or Kind.ESCALATION in approval.told:
        return None
    if approval.escalate_at <= now:
        return Kind.ESCALATION
    return Kind.REMINDER if approval.remind_at <= now and Kind.REMINDER not in approval.told else None


Answer = tuple[str, str | None]
ANSWERS: dict[str, Callable[[Gate, Arrival], Any]] = {
    "alarm": Gate.alarmed,
    "watch": Gate.watch,
    "remind": Gate.remind,
    "drill": Gate.drill,
    "recovered": Gate.recovered,
    "health": Gate.health,
}
