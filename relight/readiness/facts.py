"""What the checks judge: readings of the account and of the backup, each either a value or why it could not be read."""

from datetime import datetime

import msgspec

from relight.config import App
from relight.model import Arming, PassedDrill
from relight.recovery.context import BackupFacts
from relight.recovery.forecast import Finding as Foreseen
from relight.recovery.ledger import INCOMPLETE
from relight.recovery.plan import PlanBundle
from relight.recovery.room import Wanted, wanted


class Unread(msgspec.Struct, frozen=True):
    """``why``: in words for a person, with the fix where one is known."""

    why: str


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """One action on one resource, as simulated for the role that needs it. ``decision``: ``allowed``, or another word."""

    role: str
    phase: str
    action: str
    resource: str
    decision: str


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """vCPUs of running On-Demand Standard instances: what the account may have, and what runs."""

    limit: int
    used: int


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """``zones``: the zone of each of the runner's subnets. ``pairs``: (instance type, zone) that EC2 offers."""

    zones: tuple[str, ...]
    pairs: frozenset[tuple[str, str]]


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact that the launch template names; ``found``: the sha256 of what lies there, None: nothing does."""

    name: str
    uri: str
    sha256: str
    found: str | None


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """The backup that an incident would take now. ``broken``: why there is none. ``bytes``: unpacked; None: not recorded.

    ``committed_at``: S3's own time of its metadata.json, beside the time that its writer gave it (``created_at``).
    """

    uri: str = ""
    backup_id: str = ""
    created_at: datetime | None = None
    committed_at: datetime | None = None
    bytes: int | None = None
    files: int | None = None
    passed_over: tuple[str, ...] = ()
    broken: str = ""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of an incident now. ``broken``: why there is none. ``unfit``: objects that would not be restored.

    ``wanted``: what wants room on the runner's disk.
    """

    objects: int = 0
    unfit: tuple[str, ...] = ()
    foreseen: tuple[Foreseen, ...] = ()
    images: tuple[str, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    broken: str = ""

    @classmethod
    def of(cls, bundle: PlanBundle, backup: BackupFacts) -> "Planned":
        rows = zip(bundle.objects, bundle.forecast.told, strict=True)
        return cls(
            objects=len(bundle.objects),
            unfit=tuple(f"{item.identity}: {told.because or item.reason}" for item, told in rows if told.fate in INCOMPLETE),
            foreseen=bundle.forecast.findings,
            wanted=tuple(wanted(bundle.objects, backup)),
            images=tuple(sorted({row["ref"] for row in bundle.document["images"]})),
        )


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """``there``: None where its registry cannot be asked. ``architectures``: all that it has, by its manifest; None where
    that does not say. ``seen``: those that it ran on where the app lives."""

    ref: str
    there: bool | None
    architectures: frozenset[str] | None = None
    seen: frozenset[str] = frozenset()
    why: str = ""


class Drills(msgspec.Struct, frozen=True, kw_only=True):
    """``last``: the last drill that passed."""

    last: PassedDrill | None


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """``armed``: None where it is not deployed. ``arming``: of an armed alarm's rule, where it is known."""

    name: str
    armed: bool | None
    arming: Arming | None = None


class Subscribers(msgspec.Struct, frozen=True, kw_only=True):
    confirmed: int
    pending: int


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Who has the app's lease; ``run_id`` empty: nobody."""

    run_id: str = ""
    mode: str = ""
    promoted: bool = False
    held: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """``ladder``: the runner's instance types, best first. ``disk_gib``: of the launch template. ``skew``: seconds that this
    clock is ahead of S3's. ``bucket_events``: whether the app's bucket sends them to EventBridge."""

    app: App
    at: datetime
    ladder: tuple[str, ...]
    rights: tuple[Right, ...] | Unread
    quota: Quota | Unread
    offered: Offered | Unread
    pinned: tuple[Pinned, ...] | Unread
    disk_gib: int | Unread
    backup: Backup | Unread
    planned: Planned | Unread
    images: tuple[Image, ...] | Unread
    lease: Held | Unread
    drills: Drills | Unread
    triggers: tuple[Trigger, ...] | Unread
    subscribers: Subscribers | Unread
    dead_letters: int | Unread
    bucket_events: bool | Unread
    skew: float | Unread
