"""Time that a real cloud takes and one machine does not: what a rehearsal of a run's clock adds, by default nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds until an instance has booted, until its cluster begins to answer, and until a pod's containers start;
    ``connection``: megabytes a second that one connection of an instance to S3 carries, 0: as many as it can."""

    boot: float = 0.0
    cluster: float = 0.0
    pod: float = 0.0
    connection: float = 0.0


AT_ONCE = Pace()
