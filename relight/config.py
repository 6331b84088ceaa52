"""What a person configures: the records of `relight.toml`, the one file a person writes.

They are plain dataclasses, so that functions and agent read the stored form of an app without any check; the checks are
``relight.configfile``'s, where a person's file is read: CLI, synth, embedded engine.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MinLen, Predicate

from relight.consoleconfig import ConsoleConfig
from relight.errors import UnknownApp
from relight.formats import is_email, is_host, is_period, is_region
from relight.promoteconfig import PromoteAction
from relight.runnerconfig import RunnerConfig
from relight.values import (
    X25519,
    Cron,
    Key,
    KmsKey,
    Name,
    Network,
    Positive,
    S3Uri,
    Selector,
    Share,
    Strict,
    Url,
    Zone,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Strict):
    """When the app publishes; freshness is judged against it. ``grace`` seconds after each due time are tolerated."""

    cron: Cron
    zone: Zone = "UTC"
    grace: Positive = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(Strict):
    """A health signal. docs/signals.md says which fields each kind takes, and when it is healthy, unhealthy or unknown."""

    name: Name
    kind: Literal["pointer", "marker", "http", "backup_age", "alarm", "metric", "aws_backup", "aws_health"]
    key: Key | None = None
    url: Url | None = None
    schedule: Schedule | None = None
    timeout: Positive = 5
    alarm: str | None = None
    namespace: str | None = None
    metric: str | None = None
    dimensions: dict[str, str] = field(default_factory=dict)
    statistic: Literal["Average", "Maximum", "Minimum", "SampleCount", "Sum"] = "Average"
    period: Annotated[int, Predicate(is_period)] = 300
    comparison: Literal["<", "<=", ">", ">="] = ">"
    threshold: float | None = None
    resource: str | None = None
    vault: str | None = None
    services: tuple[str, ...] = ()
    regions: tuple[Annotated[str, Predicate(is_region)], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm(Strict):
    """Minutely readings: ``unhealthy`` of the last ``of`` fire; healthy in ``recovered`` of ``recovered_of``, it is well."""

    unhealthy: Positive = 2
    of: Positive = 3
    recovered: Positive = 5
    recovered_of: Positive = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator(Strict):
    """A check of the restored app, within ``deadline`` seconds. docs/validators.md says which fields each kind takes."""

    name: Name
    kind: Literal["ready", "job", "files", "http", "command", "sql", "output"]
    deadline: Positive = 300
    cronjob: str | None = None
    share: Share = 1.0
    exclude: tuple[str, ...] = ()
    service: str | None = None
    path: str | None = None
    status: Annotated[int, Ge(100), Le(599)] = 200
    expect: str | None = None
    least: float | None = None
    most: float | None = None
    claim: str | None = None
    claims: tuple[str, ...] = ()
    image: str | None = None
    command: tuple[str, ...] = ()
    secret: str | None = None
    query: str | None = None
    format: Literal["json", "jsonl", "csv"] = "json"
    schema: dict[str, Any] = field(default_factory=dict)
    newer: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention(Strict):
    """How many backups ``relight backup prune`` keeps: the ``latest``, and the last of each of so many days and weeks.

    ``lock``: each backup is written under S3 Object Lock, for ``lock_days`` or else as long as the bucket's default says.
    """

    latest: Positive = 3
    daily: Annotated[int, Ge(0)] = 14
    weekly: Annotated[int, Ge(0)] = 8
    lock: Literal["governance", "compliance"] | None = None
    lock_days: Positive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption(Strict):
    """Backups are sealed for each of ``kms_keys`` and ``offline_keys``; any one of them opens them.

    ``former_kms_keys``: no longer sealed for, but older backups still need them.
    """

    kms_keys: Annotated[tuple[KmsKey, ...], MinLen(1)]
    offline_keys: tuple[X25519, ...] = ()
    former_kms_keys: tuple[KmsKey, ...] = ()

    @property
    def readable(self) -> tuple[str, ...]:
        return (*self.kms_keys, *self.former_kms_keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook(Strict):
    """A command of the app's own, run as a Job at the moment ``when``; its claims are writable at ``/claims/<claim>``."""

    name: Name
    when: Literal["before_backup", "after_backup", "after_restore"]
    image: str
    command: Annotated[tuple[str, ...], MinLen(1)]
    claims: tuple[str, ...] = ()
    secret: str | None = None
    deadline: Positive = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine(Strict):
    """What a restored app may not do before it is promoted.

    ``config``: values that replace those of a ConfigMap while quarantined, by ConfigMap name and key.
    ``allow_egress``: CIDRs the restored app may still reach.
    """

    config: dict[str, dict[str, str]] = field(default_factory=dict)
    allow_egress: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill(Strict):
    """When a recovery is rehearsed, and with which backup: the newest, or over time any of a window (``random:DAYS``)."""

    cron: Cron = "0 4 * * 1"
    zone: Zone = "UTC"
    backup: Selector = "latest_valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving(Strict):
    """While the app runs on a runner: when its backups are taken there; without ``cron``, twice in each RPO."""

    cron: Cron | None = None
    zone: Zone = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class App(Strict):
    """One protected application. Its backups live under ``<storage>/backups/<backup_id>/``.

    Objectives and bounds in seconds: ``rto``, ``rpo``, ``approval_window``, and ``silence``, after which a runner without a
    heartbeat counts as lost. ``unhealthy_signals``: how many signals must be unhealthy before the app is. ``quiesce``: what
    mounts a claim is stopped while a backup reads its files. ``existing``: what a restore does with others' objects there.
    ``kms_key``: ARN of the key that S3 encrypts the app's backups with. ``approvals``: so many people must approve a run,
    of ``approvers`` where it names any (ARNs or signed-in names, ``*`` for any part); ``session_roles``: roles whose
    session names are people, not chosen freely; ``people``: rows of all names of one person. ``request_hold``: seconds
    that a runner on which nobody decided is held. ``registries``: names of public ones that a check of readiness asks for
    the app's images, without a sign-in.
    ``remind_after`` and ``escalate_after``: shares of the approval window, 1 for never.
    """

    name: Name
    namespace: Name
    storage: S3Uri
    signals: Annotated[tuple[Signal, ...], MinLen(1)]
    validators: Annotated[tuple[Validator, ...], MinLen(1)]
    hooks: tuple[Hook, ...] = ()
    quiesce: bool = False
    retention: Retention = field(default_factory=Retention)
    kms_key: KmsKey | None = None
    encryption: Encryption | None = None
    promote: tuple[PromoteAction, ...] = ()
    quarantine: Quarantine = field(default_factory=Quarantine)
    drill: Drill = field(default_factory=Drill)
    serving: Serving = field(default_factory=Serving)
    development: bool = False
    allow_partial: bool = False
    existing: Literal["fail", "keep", "update"] = "update"
    unhealthy_signals: Positive = 1
    alarm: Alarm = field(default_factory=Alarm)
    rto: Positive = 1800
    rpo: Positive = 90_000
    approval_window: Positive = 14_400
    approvals: Positive = 1
    approvers: tuple[str, ...] = ()
    session_roles: tuple[str, ...] = ()
    people: tuple[Annotated[tuple[str, ...], MinLen(2)], ...] = ()
    request_hold: Annotated[int, Ge(0)] = 7_200
    remind_after: Share = 0.5
    escalate_after: Share = 0.75
    silence: Positive = 120
    max_state_bytes: Positive = 50 * 2**30
    max_state_files: Positive = 2_000_000
    registries: tuple[Annotated[str, Predicate(is_host)], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Strict):
    """The whole of ``relight.toml``. ``name`` prefixes every resource, so that several can share an account.

    ``notify``: who hears of runs and of Relight's own trouble; ``escalate``: who also hears when nobody decides.
    """

    runner: RunnerConfig
    apps: Annotated[tuple[App, ...], MinLen(1)]
    name: Name = "relight"
    region: Annotated[str, Predicate(is_region)] = "eu-central-1"
    console: ConsoleConfig = field(default_factory=ConsoleConfig)
    notify: tuple[Annotated[str, Predicate(is_email)], ...] = ()
    escalate: tuple[Annotated[str, Predicate(is_email)], ...] = ()

    def app(self, name: str) -> App:
        if found := next((app for app in self.apps if app.name == name), None):
            return found
        known = f"known apps: {', '.join(app.name for app in self.apps)}"
        raise UnknownApp(f"app {name!r}", "is not in relight.toml", known)
