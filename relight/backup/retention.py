"""Which backups are kept and which may go. Nothing goes that no rule can judge, and never the last one that was proven."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from relight.adapters.parts import OpenUpload, Uploads
from relight.adapters.s3 import S3, join
from relight.backup import metadata
from relight.backup.catalog import BackupSummary
from relight.backup.keeping import lock_of
from relight.config import Retention
from relight.model import moment, timestamp
from relight.records import replace

UNFINISHED = timedelta(days=2)  # an upload that long ago is not going on any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one backup. ``why``: the rules that keep it, or why it may go."""

    backup: BackupSummary
    kept: bool
    why: str


def judge(found: Sequence[BackupSummary], policy: Retention, proven: Collection[str], at: datetime) -> list[Fate]:
    """The fate of each backup, in the order given. ``proven``: ids of those that a run validated as PASSED."""
    good = sorted((one for one in found if one.created_at), key=lambda one: moment(one.created_at or ""), reverse=True)
    rules: dict[str, list[BackupSummary]] = {
        "latest": good[: policy.latest],
        "daily": _last_of_each(good, policy.daily, lambda day: (day.year, day.month, day.day)),
        "weekly": _last_of_each(good, policy.weekly, lambda day: day.isocalendar()[:2]),
        "last proven": [one for one in good if one.backup_id in proven][:1],
    }
    return [_fate(one, [rule for rule, kept in rules.items() if one in kept], at) for one in found]


def _last_of_each(newest_first: list[BackupSummary], periods: int, of: Callable[[datetime], object]) -> list[BackupSummary]:
    """The newest backup of each of the last ``periods`` days or weeks that have one."""
    last: dict[object, BackupSummary] = {}
    for one in newest_first:
        last.setdefault(of(moment(one.created_at or "")), one)
    return list(last.values())[:periods]


def _fate(one: BackupSummary, rules: list[str], at: datetime) -> Fate:
    if rules:
        return Fate(backup=one, kept=True, why=", ".join(rules))
    if one.created_at:
        return Fate(backup=one, kept=False, why="no rule keeps it")
    if one.committed or one.modified is None:
        return Fate(backup=one, kept=True, why=f"cannot be judged: {one.problem}")
    if at - one.modified < UNFINISHED:
        return Fate(backup=one, kept=True, why="not finished: it may still be going on")
    return Fate(backup=one, kept=False, why=f"never finished, untouched since {one.modified:%Y-%m-%d}")


def spare_locked(store: S3, fates: Sequence[Fate]) -> list[Fate]:
    """The fates, but that what S3 holds under a lock stays. The bucket must be lockable. Raises what S3 raises."""
    return [fate if fate.kept else _unless_locked(fate, lock_of(store, fate.backup.uri)) for fate in fates]


def _unless_locked(fate: Fate, until: datetime | None) -> Fate:
    locked = until is not None and until > datetime.now(UTC)
    return replace(fate, kept=True, why=f"locked until {timestamp(until)}; {fate.why}") if until and locked else fate


def abandoned(store: S3, storage: str, at: datetime) -> list[OpenUpload]:
    """Uploads of the app's backups that are too old to be going on, or to be taken up."""
    below = Uploads(store).below(join(storage, "backups/"))
    return [one for one in below if one.begun and at - one.begun >= UNFINISHED]


def delete(store: S3, backup: BackupSummary) -> None:
    """Deletes the backup, its metadata.json first: what an interruption leaves is no backup. Repeating it is harmless."""
    store.delete(join(backup.uri, metadata.NAME))
    for found in list(store.list(f"{backup.uri}/")):
        store.delete(found.uri)
