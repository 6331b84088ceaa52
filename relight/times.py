"""Between the wire's times (RFC 3339) and the epoch seconds of leases, tags and the table; and how long a run may take."""

from datetime import UTC, datetime

from relight.model import Deadlines, moment, timestamp

MARGIN = 900  # seconds: launches, hand-overs, teardown


def epoch(text: str) -> int:
    return int(moment(text).timestamp())


def from_epoch(seconds: int) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))


def lifetime(deadlines: Deadlines) -> int:
    """Seconds that a run without a promotion may take: what its lease, and its runner, must outlast."""
    phases = deadlines.launch_heartbeat + deadlines.restore + deadlines.validate + deadlines.approve + deadlines.promote
    return phases + MARGIN
