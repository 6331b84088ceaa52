"""Retention: what a rule keeps stays, what nothing can judge stays, and the last proven backup always does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from relight.adapters.s3 import S3
from relight.backup.catalog import BackupSummary, list_backups
from relight.backup.retention import Fate, delete, judge
from relight.config import Retention
from relight.model import timestamp
from tests.backup.conftest import STORAGE, URI

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SMALL = Retention(latest=2, daily=3, weekly=2)


def made(hours_ago: float, name: str = "") -> BackupSummary:
    at = NOW - timedelta(hours=hours_ago)
    return BackupSummary(
        uri="s3://b/x", backup_id=name or f"h{hours_ago:g}", committed=True, bytes=1, created_at=timestamp(at), modified=at
    )


def fates(*found: BackupSummary, policy: Retention = SMALL, proven: tuple[str, ...] = ()) -> dict[str, Fate]:
    return {fate.backup.backup_id: fate for fate in judge(found, policy, proven, NOW)}


def test_the_latest_and_the_last_of_each_day_and_week_stay() -> None:
    hourly = [made(hours) for hours in range(0, 24 * 21, 6)]  # three weeks, four a day; NOW is a Monday noon
    kept = {name: fate.why for name, fate in fates(*hourly).items() if fate.kept}
    assert kept == {"h0": "latest, daily, weekly", "h6": "latest", "h18": "daily, weekly", "h42": "daily"}


def test_the_last_proven_backup_stays_however_old() -> None:
    few, old, older = Retention(latest=1, daily=1, weekly=1), made(24 * 400, "old"), made(24 * 500, "older")
    found = fates(made(1), made(2), old, older, policy=few, proven=("old", "older"))
    assert (found["old"].kept, found["old"].why) == (True, "last proven")
    assert not found["older"].kept


def test_what_cannot_be_judged_stays_and_what_never_finished_goes_in_time() -> None:
    unreadable = replace(made(900, "torn"), created_at=None, problem="R303 not JSON")
    fresh, stale = (
        replace(made(hours, name), created_at=None, committed=False) for hours, name in ((1, "fresh"), (900, "stale"))
    )
    found = fates(made(1), unreadable, fresh, stale)
    assert found["torn"].kept and "cannot be judged: R303" in found["torn"].why
    assert found["fresh"].kept and not found["stale"].kept


FEW = st.integers(0, 9)
AGES = st.lists(st.integers(0, 5000), unique=True, min_size=1)


@given(AGES, st.integers(1, 5), FEW, FEW, st.data())
def test_no_policy_deletes_the_newest_or_the_last_proven(
    ages: list[int], latest: int, daily: int, weekly: int, data: st.DataObject
) -> None:
    found = [made(age) for age in ages]
    proven = data.draw(st.sets(st.sampled_from([one.backup_id for one in found])))
    judged = fates(*found, policy=Retention(latest=latest, daily=daily, weekly=weekly), proven=tuple(proven))
    assert judged[f"h{min(ages)}"].kept
    if proven:
        assert judged[min(proven, key=lambda name: float(name[1:]))].kept
    assert sum(fate.kept for fate in judged.values()) <= latest + daily + weekly + 1


def test_a_deleted_backup_is_gone_and_a_half_deleted_one_is_none(store: S3) -> None:
    for name in ("metadata.json", "state.tar.zst", "manifests.tar.zst"):
        store.put(f"{URI}/{name}", b"{}")
    (found,) = list_backups(store, STORAGE)

    class Dies(S3):
        def delete(self, uri: str) -> None:
            if not uri.endswith("metadata.json"):
                raise InterruptedError
            super().delete(uri)

    try:
        delete(Dies(), found)
    except InterruptedError:
        assert [one.committed for one in list_backups(store, STORAGE)] == [False]
    delete(store, found)
    assert list_backups(store, STORAGE) == []
