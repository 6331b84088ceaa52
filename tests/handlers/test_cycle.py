"""After the hand-back: whether the primary was seen to publish. Only what was seen is green."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.failback import cycle
from relight.config import App, Schedule, Signal
from relight.model import Check, decode
from relight.records import replace
from tests.handlers.conftest import APP, World

AT = datetime(2026, 11, 23, 2, 58, tzinfo=UTC)  # two minutes before the next publication is due


class Primary:
    """Publishes ``after`` so many seconds, or never; time passes as it is waited for."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, after: float | None) -> None:
        self.world, self.after, self.at, self.slept = world, after, AT, 0.0
        world.publish("2026-11-22T03:05:00Z")
        monkeypatch.setattr("lambdas.failback.cycle.publications", lambda app, store: {"fresh": self.published()})

    def published(self) -> datetime:
        due = AT + timedelta(seconds=self.after) if self.after is not None else None
        if due and due <= self.at:
            self.world.publish(due.strftime("%Y-%m-%dT%H:%M:%SZ"))
            return due
        return AT - timedelta(days=1)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.at += timedelta(seconds=seconds)

    def watch(self, seconds: int, **changes: Any) -> Check:
        app = replace(decode(APP, App), **changes)
        return cycle.watch(app, self.world.store, seconds, lambda: self.at, self.sleep)


def daily(grace: int = 60) -> tuple[Signal, ...]:
    return (Signal(name="fresh", kind="pointer", key="state/last_success.json",
                   schedule=Schedule(cron="0 3 * * *", grace=grace)),)  # fmt: skip


@pytest.mark.parametrize(
    ("after", "waits", "verdict", "why"),
    [
        (130, 600, "PASSED", "published since the hand-back"),
        (None, 60, "COULD_NOT_VERIFY", "due 2026-11-23T03:00:00Z"),  # it is due after that: not waited for
        (None, 600, "TIMED_OUT", "due since the hand-back, and not published"),
        (None, 150, "COULD_NOT_VERIFY", "not published yet"),  # within its grace
    ],
)
def test_a_cycle_is_waited_for_as_long_as_it_may_be_and_only_seen_is_passed(
    world: World, monkeypatch: pytest.MonkeyPatch, after: float | None, waits: int, verdict: str, why: str
) -> None:
    primary = Primary(world, monkeypatch, after)
    found = primary.watch(waits, signals=daily())
    assert (found.verdict, why in found.detail) == (verdict, True), found.detail
    assert primary.slept <= waits and (primary.slept > 0) == (waits > 60)


def test_an_app_whose_signals_tell_of_no_publication_cannot_be_verified(world: World) -> None:
    signal = Signal(name="age", kind="backup_age")
    found = cycle.watch(replace(decode(APP, App), signals=(signal,)), world.store, 600, sleep=lambda _: None)
    assert found.verdict == "COULD_NOT_VERIFY" and "no signal of the app tells of a publication" in found.detail


def test_a_publication_with_an_unhealthy_signal_beside_it_is_not_a_cycle(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    primary = Primary(world, monkeypatch, 130)
    signals = (*daily(), Signal(name="backups", kind="backup_age"))
    assert primary.watch(600, signals=signals).verdict == "COULD_NOT_VERIFY"
