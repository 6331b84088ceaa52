"""Every check passes, warns, fails or cannot be made; what fails says what would fail, when, and the fix."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.model import Arming, canonical, decode, encode
from relight.readiness.checks import CAP, CHECKS, score
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
    Unread,
)
from relight.readiness.records import Readiness, State
from relight.records import replace
from relight.recovery.forecast import Finding as Foreseen
from tests.readiness.conftest import GOOD, LADDER, NOW, REF, SHOP, Check, judged, passed_drill

DENIED = Right(role="launch", phase="launch", action="iam:PassRole", resource="arn:role", decision="implicitDeny")
NO_ROLE = replace(DENIED, action="everything", decision="no such role")
BROKEN = Backup(broken="no backup can be used: there is none to choose from")
SOME = frozenset({("t4g.large", "b")})
MEMORY = tuple(Foreseen("memory", kind, "has 8192 MiB; the pods ask for 9000 MiB") for kind in LADDER)
ELSEWHERE = Image(ref="docker.io/nginx@sha256:1", there=None, why="registry docker.io is not asked")
K3S, B1 = Pinned(name="k3s", uri="s3://a/k", sha256="c" * 64, found=None), GOOD.backup
P1, AMD64, ARM64 = GOOD.planned, frozenset({"amd64"}), frozenset({"arm64"})
BAD, ODD, DARK = State.FAILED, State.WARNING, State.COULD_NOT_VERIFY
Row = tuple[str, dict[str, Any], State, str, str]
CHANGED: dict[str, Any] = {"drills": Drills(last=passed_drill("2026-11-23T04:02:00Z", replace(SHOP, rto=1)))}
BY_NAME, ONCE_PROVEN = (
    (Trigger(name="shop-alarm", armed=True, arming=Arming(by="ann", at="2026-11-24T03:00:00Z", proven=proven)),)
    for proven in (False, True)
)
ROWS: tuple[Row, ...] = (
    ("permissions", {"rights": (DENIED,)}, BAD, "launch", "launch may not iam:PassRole on arn:role (implicitDeny)"),
    ("permissions", {"rights": (NO_ROLE,)}, BAD, "launch", "role of launch is gone"),
    ("quota", {"quota": Quota(limit=5, used=4)}, BAD, "launch", "5 vCPUs of On-Demand Standard instances, 4 in use"),
    (
        "quota",
        {"quota": Quota(limit=5, used=1), "ladder": ("m7g.2xlarge", "t4g.large")},
        ODD,
        "launch",
        "m7g.2xlarge needs 8",
    ),
    ("quota", {"ladder": ("g5g.xlarge", "t4g.large")}, DARK, "launch", "g5g.xlarge: counted by another quota"),
    ("offerings", {"offered": Offered(zones=("a",), pairs=frozenset())}, BAD, "launch", "none of m7g.large, t4g.large"),
    ("offerings", {"offered": Offered(zones=("a", "b"), pairs=SOME)}, ODD, "launch", "m7g.large in a"),
    ("offerings", {"offered": Offered(zones=(), pairs=SOME)}, BAD, "launch", "none of the runner's subnets"),
    ("artifacts", {"pinned": (replace(K3S, found=None),)}, BAD, "launch", "k3s is not there"),
    ("artifacts", {"pinned": (replace(K3S, found="d" * 64),)}, BAD, "launch", "is another file"),
    ("backup", {"backup": BROKEN}, BAD, "plan", "there is none to choose from"),
    ("backup", {"backup": replace(B1, passed_over=("s3://x: truncated",))}, ODD, "plan", "passed over s3://x"),
    ("rpo", {"backup": replace(B1, created_at=NOW - timedelta(hours=26))}, BAD, "plan", "b1 is 26 h 00 min old"),
    ("rpo", {"backup": BROKEN}, BAD, "plan", "there is no backup whose age counts"),
    ("manifests", {"planned": Planned(unfit=("Widget w: nothing serves it",))}, BAD, "restore", "Widget w"),
    ("manifests", {"planned": Planned(broken="image 'x' has no digest")}, BAD, "plan", "has no digest"),
    (
        "manifests",
        {"planned": Planned(foreseen=(Foreseen("reference", "Pod p", "needs Secret s"),))},
        ODD,
        "validate",
        "needs Secret s",
    ),
    ("memory", {"planned": Planned(foreseen=MEMORY)}, BAD, "validate", "the pods ask for 9000 MiB"),
    ("memory", {"planned": Planned(foreseen=MEMORY[:1])}, ODD, "validate", "too small: m7g.large"),
    ("memory", {"planned": Planned(broken="no plan")}, DARK, "validate", "no plan to add up"),
    (
        "architecture",
        {"planned": Planned(foreseen=(Foreseen("architecture", "Pod p", "is for amd64 nodes"),))},
        BAD,
        "validate",
        "amd64",
    ),
    ("disk", {"planned": replace(P1, wanted=(("the data", 35.0, 6),))}, BAD, "plan", "40 GiB is too small for the data"),
    ("disk", {"planned": replace(P1, wanted=(("the data", 30.0, 6),))}, ODD, "restore", "nearly filled by the data"),
    ("disk", {"backup": replace(B1, bytes=60 * 2**30)}, BAD, "restore", "at most 53.7 GB"),
    ("disk", {"backup": replace(B1, bytes=None)}, DARK, "restore", "does not record its volumes"),
    (
        "images",
        {"images": (Image(ref=REF, there=False, why="its digest is not there"),)},
        BAD,
        "validate",
        "its digest is not there",
    ),
    (
        "images",
        {"images": (Image(ref=REF, there=True, architectures=AMD64),)},
        BAD,
        "validate",
        "is for amd64; the runner is arm64",
    ),
    ("images", {"images": (ELSEWHERE,)}, DARK, "validate", "registry docker.io is not asked"),
    ("images", {"images": (replace(ELSEWHERE, seen=ARM64),)}, DARK, "validate", "ran on arm64"),
    ("images", {"images": (Image(ref=REF, there=True, seen=AMD64),)}, DARK, "validate", "ran on amd64; the runner is arm64"),
    ("images", {"images": (Image(ref=REF, there=True, why="no architecture"),)}, DARK, "validate", "no architecture"),
    ("lease", {"lease": Held(run_id="r1", mode="drill", held=True)}, BAD, "plan", "run r1 (drill) holds a runner"),
    ("lease", {"lease": Held(run_id="r1", mode="drill")}, ODD, "plan", "under way"),
    ("lease", {"lease": Held(run_id="r1", mode="incident", promoted=True)}, ODD, "plan", "serves production"),
    ("drill", {"drills": Drills(last=None)}, BAD, "all", "no drill of it has passed yet"),
    ("drill", {"drills": Drills(last=passed_drill("2026-11-16T04:02:00Z"))}, ODD, "all", "was due 2026-11-23T04:00:00Z"),
    ("drill", {"drills": Drills(last=passed_drill("2026-11-09T04:02:00Z"))}, BAD, "all", "a drill was due"),
    ("drill", CHANGED, BAD, "all", "changed since"),
    ("triggers", {"triggers": (Trigger(name="shop-alarm", armed=False),)}, ODD, "detect", "disarmed: shop-alarm"),
    ("triggers", {"triggers": (Trigger(name="shop-alarm", armed=None),)}, BAD, "detect", "not deployed: shop-alarm"),
    ("triggers", {"drills": Drills(last=None)}, BAD, "detect", "armed, and not by relight arm: no drill of it has passed"),
    ("triggers", {**CHANGED, "triggers": BY_NAME}, BAD, "detect", "armed by its name, unproven, by ann at 2026-11-24"),
    (
        "triggers",
        {**CHANGED, "triggers": ONCE_PROVEN},
        BAD,
        "detect",
        "armed after a drill had passed, by ann at 2026-11-24",
    ),
    ("bucket events", {"bucket_events": False}, ODD, "plan", "bucket shop does not send its events"),
    ("notify", {"subscribers": Subscribers(confirmed=0, pending=2)}, BAD, "approve", "none of the topic's 2 subscribers"),
    ("notify", {"subscribers": Subscribers(confirmed=0, pending=0)}, ODD, "approve", "no subscriber"),
    ("dead letters", {"dead_letters": 3}, ODD, "detect", "3 messages"),
    ("clock", {"skew": -400.0}, BAD, "detect", "differ by 400 s"),
    ("clock", {"backup": replace(B1, created_at=NOW + timedelta(hours=1))}, ODD, "detect", "after S3 received it"),
)


def test_with_everything_in_order_every_check_passes_and_says_what_it_saw() -> None:
    found = judged()
    assert (found.state, found.score) == (State.PASSED, 100)
    assert [one.check for one in found.findings] == [check.name for check in CHECKS]
    assert all(one.seen and not one.fix for one in found.findings)


@pytest.mark.parametrize(("name", "changed", "state", "phase", "seen"), ROWS)
def test_what_is_broken_is_named_by_its_check(
    check: Check, name: str, changed: dict[str, Any], state: State, phase: str, seen: str
) -> None:
    found = [one for one in check(name, **changed) if one.state is not State.PASSED]
    assert [(one.state, one.phase) for one in found] == [(state, phase)]
    assert seen in found[0].seen
    assert found[0].fails, "it says what would fail"
    assert found[0].fix, "and the fix"


def test_every_check_is_seen_to_fail_or_to_warn() -> None:
    broken = {name for name, _, state, *_ in ROWS if state is not State.COULD_NOT_VERIFY}
    assert broken == {one.name for one in CHECKS}


FACTS = [name for name in Facts.__struct_fields__ if name not in ("app", "at", "ladder")]


@pytest.mark.parametrize("fact", FACTS)
def test_what_could_not_be_read_is_never_green(fact: str) -> None:
    found = judged(**{fact: Unread("access denied; grant it")})
    without = {one.name for one in CHECKS if fact in one.needs}
    assert without, "a fact that nobody judges is not read"
    told = {one.check: one for one in found.findings if one.state is not State.PASSED}
    assert set(told) == without
    assert all(one.state is State.COULD_NOT_VERIFY and "access denied" in one.seen and one.fix for one in told.values())
    assert found.state is State.COULD_NOT_VERIFY
    assert found.score < 100


def test_a_partial_restore_that_the_app_allows_is_a_warning(check: Check) -> None:
    lax = replace(SHOP, allow_partial=True)
    (found,) = check("manifests", planned=Planned(unfit=("Widget w: nothing serves it",)), app=lax)
    assert found.state is State.WARNING


def test_a_pending_run_of_findings_is_cut_and_says_so(check: Check) -> None:
    found = check("manifests", planned=Planned(unfit=tuple(f"Widget w{n}: no CRD" for n in range(14))))
    assert len(found) == 11
    assert "4 more" in found[-1].seen


@given(st.lists(st.sampled_from(State), min_size=len(CHECKS), max_size=len(CHECKS)))
def test_a_score_is_full_only_when_all_passed_and_less_than_half_when_anything_failed(states: list[State]) -> None:
    found = score(dict(zip(CHECKS, states, strict=True)))
    assert 0 <= found <= 100
    assert (found == 100) == (set(states) == {State.PASSED})
    assert State.FAILED not in states or found <= CAP
    if set(states) == {State.COULD_NOT_VERIFY}:
        assert found == 0


def test_the_document_survives_its_journey() -> None:
    made = judged(lease=Unread("throttled"))
    assert decode(encode(made), Readiness) == made
    assert canonical(encode(made)) == canonical(encode(decode(encode(made), Readiness)))
