"""How a promoted runner is, from what EC2 shows and what its agent last said; and when people are to be told."""

from dataclasses import dataclass
from enum import StrEnum

from relight.adapters.table import Watched
from relight.model import Vitals
from relight.times import epoch
from relight.words import duration

SILENT_AFTER = 900  # seconds; the agent says how it is every minute
REMIND = 6 * 3600


class State(StrEnum):
    WELL = "well"
    SICK = "sick"  # it says itself that something is not as it should be
    SILENT = "silent"  # EC2 shows it, and its agent says nothing
    GONE = "gone"


# A sick runner is production still: to end it would lose what it wrote since its last backup. A silent one may be nobody's.
RENEWED = frozenset({State.WELL, State.SICK})
PATIENCE = {State.SICK: 600, State.SILENT: 0, State.GONE: 0}  # seconds before it is told: a pod may just be restarting


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """``live``: whether EC2 shows it. ``began_at``: when it became production, in epoch seconds. ``rpo``: the app's."""

    live: bool
    vitals: Vitals | None
    began_at: int
    rpo: int


def judge(seen: Sight, at: int) -> tuple[State, str]:
    """The state, and why, in words."""
    if not seen.live:
        return State.GONE, "EC2 does not show it any more: it died, or somebody ended it"
    heard = max(epoch(seen.vitals.at) if seen.vitals else 0, seen.began_at)
    if at - heard > SILENT_AFTER:
        return State.SILENT, f"its agent has said nothing for {duration(at - heard)}"
    if seen.vitals is None:
        return State.WELL, "it has just become production"
    wrong = [] if seen.vitals.well else [seen.vitals.said]
    if (behind := at - (epoch(seen.vitals.taken.created_at) if seen.vitals.taken else seen.began_at)) > seen.rpo:
        why = f" ({seen.vitals.trouble})" if seen.vitals.trouble else ""
        wrong.append(f"no backup of it for {duration(behind)}, and the RPO is {duration(seen.rpo)}{why}")
    return (State.SICK, "; ".join(wrong)) if wrong else (State.WELL, seen.vitals.said)


def follow(before: Watched, state: State, at: int) -> Watched:
    """What is on record after this look, but for what was told."""
    since = before.since if before.state == state else at
    return Watched(began_at=before.began_at, state=state, since=since, told=before.told, told_at=before.told_at)


def alarming(now: Watched, at: int) -> bool:
    return now.state != State.WELL and at - now.since >= PATIENCE[State(now.state)]


def news(now: Watched, at: int) -> bool:
    """Whether people are to hear of it: of what is new, of what stays, and that it is over."""
    if now.state == State.WELL:
        return now.told not in ("", State.WELL)
    return alarming(now, at) and (now.told != now.state or at - now.told_at >= REMIND)
