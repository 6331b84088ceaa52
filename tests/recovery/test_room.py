"""A runner whose disk is too small is refused while it costs nothing: before it is launched."""

import pytest

from relight.errors import PreflightFailed
from relight.model import Mode
from relight.records import replace
from relight.recovery.plan import PlanInputs, make_plan
from relight.recovery.room import GIB, SYSTEM_GIB
from relight.recovery.volumes import Volume
from tests.recovery.shop import backup, claim, config, namespace, recipe


def plan(disk_gib: int, gib: float, asks: str = "1Gi") -> dict[str, object]:
    stored = Volume(namespace="shop", claim="ledger", bytes=int(gib * GIB), files=1)
    made_of = recipe(
        [namespace(), config(), claim(spec={"resources": {"requests": {"storage": asks}}})],
        backup=replace(backup(), volumes=(stored,)),
    )
    inputs = PlanInputs(recipe=made_of, mode=Mode.DRILL, ladder=("m7g.large",), disk_gib=disk_gib)
    return dict(make_plan(inputs).document["estimate"])


def test_data_that_fit_beside_the_system_are_planned() -> None:
    assert plan(40, 40 - SYSTEM_GIB, "40Gi")


def test_data_that_do_not_fit_are_refused_with_what_to_set() -> None:
    with pytest.raises(PreflightFailed, match=r"40 GiB, too small for the data of .*34\.5 GiB.*disk_gib to 41 or more"):
        plan(40, 34.5)


def test_a_claim_that_asks_for_more_than_the_disk_is_refused_by_name() -> None:
    with pytest.raises(PreflightFailed, match=r"PersistentVolumeClaim shop/ledger asks for \(100\.0 GiB\).*disk_gib to 106"):
        plan(40, 0.1, "100Gi")


def test_a_quantity_that_is_none_is_left_to_the_cluster() -> None:
    assert plan(40, 0.1, "plenty")


@pytest.mark.parametrize(
    ("gib", "pace", "seconds"),
    [(0.1, "the cluster's start sets the pace", 28), (20, "the runner's disk sets the pace: gp3 writes 125 MiB/s", 184)],
)
def test_the_estimate_says_what_sets_the_pace(gib: float, pace: str, seconds: int) -> None:
    told = plan(40, gib)
    assert (told["pace"], told["seconds"]) == (pace, seconds)
