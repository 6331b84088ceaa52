"""What arrived from outside, in the table: the incident being handled, what each trigger last did, AWS Health's events."""

import time
from contextlib import suppress
from dataclasses import dataclass

from relight.adapters.calls import Refused
from relight.adapters.items import Items
from relight.model import decode, encode

KEEP_FIRED = 400 * 86_400  # seconds
KEEP_EVENTS = 30 * 86_400
HEALTH_EVENTS = "events#aws.health"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What a trigger last did. ``trigger``: alarm, watch or drill; ``cause``: the event; ``said``: what came of it.

    ``run_id``: the run that it started, or that was at work already.
    """

    trigger: str
    at: str
    cause: str
    said: str
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvent:
    """An event of AWS Health as last told."""

    arn: str
    service: str
    region: str
    code: str
    open: bool
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Whose an app's incident is. ``claimed_at``: epoch seconds."""

    run_id: str
    claimed_at: int


class Arrivals(Items):
    def claim_incident(self, app: str, run_id: str, now: int, instead_of: str | None = None) -> Claim | None:
        """The app's incident becomes ``run_id``'s where it is nobody's, its own, or still ``instead_of``'s.

        Returns None, or the claim of the run that has it. Two alarms at once: one of them gets it.
        """
        fields = {"run_id": run_id, "claimed_at": now}
        free = "attribute_not_exists(pk) OR run_id = :mine" + (" OR run_id = :other" if instead_of else "")
        values = {":mine": run_id} | ({":other": instead_of} if instead_of else {})
        try:
            self._update(f"app#{app}", "incident", fields, free, values)
        except Refused:
            item = self._get(f"app#{app}", "incident")
            return decode(item, Claim) if item else None
        return None

    def free_incident(self, app: str, run_id: str) -> None:
        """``run_id``'s claim counts only as far as its execution is there."""
        with suppress(Refused):  # another run has it by now
            self._update(f"app#{app}", "incident", {"claimed_at": 0}, "run_id = :mine", {":mine": run_id})

    def note_fired(self, app: str, fired: Fired) -> None:
        self._put(f"app#{app}", f"fired#{fired.trigger}", encode(fired), int(time.time()) + KEEP_FIRED)

    def fired(self, app: str) -> list[Fired]:
        return [decode(item, Fired) for item in self._query(f"app#{app}", "fired#")]

    def note_health(self, event: HealthEvent) -> bool:
        """Keeps the event's latest news, in whichever order they come. False for older ones."""
        fields = {**encode(event), "ttl": int(time.time()) + KEEP_EVENTS}
        newer = "attribute_not_exists(pk) OR updated_at <= :told"
        return self._try(HEALTH_EVENTS, event.arn, fields, newer, {":told": event.updated_at})

    def health_events(self) -> list[HealthEvent]:
        return [decode(item, HealthEvent) for item in self._query(HEALTH_EVENTS, "")]
