"""An account and an app in which everything is in order; a test breaks one thing of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relight.config import App, Signal, Validator
from relight.drills import version
from relight.model import PassedDrill
from relight.readiness.checks import evaluate
from relight.readiness.facts import (
    Backup,
    Drills,
    Facts,
    Held,
    Image,
    Offered,
    Pinned,
    Planned,
    Quota,
    Right,
    Subscribers,
    Trigger,
)
from relight.readiness.records import Finding, Readiness
from relight.records import replace

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday; drills are due on Mondays at 04:00
LADDER = ("m7g.large", "t4g.large")
REF = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + "a" * 64
SHOP = App(
    name="shop",
    namespace="shop",
    storage="s3://shop/prod",
    signals=(Signal(name="age", kind="backup_age"),),
    validators=(Validator(name="ready", kind="ready"),),
    rpo=90_000,
)


def passed_drill(at: str, of: App = SHOP) -> PassedDrill:
    return PassedDrill(run_id="drill-1", began_at=at, version=version(of))


GOOD = Facts(
    app=SHOP,
    at=NOW,
    ladder=LADDER,
    rights=(Right(role="launch", phase="launch", action="ec2:RunInstances", resource="*", decision="allowed"),),
    quota=Quota(limit=32, used=4),
    offered=Offered(zones=("a", "b"), pairs=frozenset((kind, zone) for kind in LADDER for zone in "ab")),
    pinned=(Pinned(name="k3s", uri="s3://assets/k3s", sha256="c" * 64, found="c" * 64),),
    disk_gib=40,
    backup=Backup(
        uri="s3://shop/prod/backups/b1",
        backup_id="b1",
        created_at=NOW - timedelta(hours=9),
        committed_at=NOW - timedelta(hours=9),
        bytes=2**30,
        files=1000,
    ),
    planned=Planned(objects=12, images=(REF,), wanted=(("the data of b1", 1.0, 6),)),
    images=(Image(ref=REF, there=True, architectures=frozenset({"arm64"})),),
    lease=Held(),
    drills=Drills(last=passed_drill("2026-11-23T04:02:00Z")),
    triggers=(Trigger(name="shop-alarm", armed=True), Trigger(name="shop-drill", armed=True)),
    subscribers=Subscribers(confirmed=1, pending=0),
    dead_letters=0,
    bucket_events=True,
    skew=0.2,
)
Check = Callable[..., list[Finding]]


@pytest.fixture
def check() -> Check:
    """``check("quota", quota=...)``: the findings of one check with one thing changed."""

    def of(name: str, **changed: Any) -> list[Finding]:
        return [one for one in judged(**changed).findings if one.check == name]

    return of


def judged(**changed: Any) -> Readiness:
    return evaluate(replace(GOOD, **changed))
