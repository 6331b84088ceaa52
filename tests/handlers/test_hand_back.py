"""The way back to the primary: past runs that died as production, pointers first, and over nobody else's work."""

import dataclasses
import json
from typing import Any

import pytest
from msgspec.structs import replace

from relight.adapters import aws
from relight.adapters.table import Table
from relight.errors import PointerMoved, Throttled
from relight.model import ActionResult, Run, decode
from relight.promotion import acting
from relight.promotion.kind import Scene
from relight.promotion.pointer import moved
from tests.handlers.conftest import run
from tests.handlers.site import AFTER, BEFORE, POINTER, RUNNER, Site


def of(site: Site, run_id: str) -> Scene:
    return dataclasses.replace(site.scene, run=decode(run(run_id=run_id), Run))


def promoted(site: Site, run_id: str, *kinds: str) -> Scene:
    """The run's runner is production now; whose was it before died."""
    scene = of(site, run_id)
    runner = replace(RUNNER, instance_id=f"i-{run_id}")
    assert scene.table.become_production(scene.run, runner, scene.table.production("ledger"))
    acting.promote(scene, site.actions(*kinds))
    return scene


def handed_back(scene: Scene) -> tuple[ActionResult, ...]:
    return acting.hand_back(scene, last_try=True)


# ---------------------------------------------------------------- past runs that died as production
@pytest.mark.parametrize("kind", BEFORE)
def test_after_a_production_that_died_it_goes_back_to_the_primary(site: Site, kind: str) -> None:
    """The second run finds what the first one made of production: that is no primary, and not what anybody wants back."""
    promoted(site, "first", kind)
    (undone,) = handed_back(promoted(site, "second", kind))
    assert undone.done
    assert site.now == BEFORE


def test_a_promotion_that_failed_between_two_productions_hides_neither(site: Site) -> None:
    kinds = ("fence_role", "pointer", "route53", "ssm")
    promoted(site, "first", *kinds)
    failed = promoted(site, "failed", "pointer")
    assert all(one.done for one in acting.undo(failed, last_try=True))
    failed.table.end_production(failed.run)
    assert all(one.done for one in handed_back(promoted(site, "third", *kinds)))
    assert site.now == BEFORE


@pytest.mark.parametrize("kind", ["pointer", "ssm"])
def test_what_a_person_put_right_after_a_production_died_is_what_it_goes_back_to(site: Site, kind: str) -> None:
    promoted(site, "first", kind)
    site.world.store.put(POINTER, b'{"site":"new-primary"}')
    aws.client("ssm").put_parameter(Name="/shop/site", Value="new primary", Overwrite=True)
    theirs = site.now
    assert all(one.done for one in handed_back(promoted(site, "second", kind)))
    assert site.now == theirs


def test_a_cronjob_that_the_primary_made_since_goes_back_to_how_it_was_and_the_others_resume(site: Site) -> None:
    promoted(site, "first", "fence_cronjobs")
    site.old.cronjobs |= {"hourly": False}
    assert all(one.done for one in handed_back(promoted(site, "second", "fence_cronjobs")))
    assert site.now["fence_cronjobs"] == {**BEFORE["fence_cronjobs"], "hourly": False}


def test_what_an_earlier_run_took_back_itself_is_no_matter_of_a_later_one(site: Site) -> None:
    failed = promoted(site, "failed", "fence_cronjobs")
    assert all(one.done for one in acting.undo(failed, last_try=True))
    site.old.cronjobs["nightly"] = True  # by the primary's own people
    assert all(one.done for one in handed_back(promoted(site, "second", "fence_cronjobs")))
    assert site.now["fence_cronjobs"] == {**BEFORE["fence_cronjobs"], "nightly": True}


def test_once_handed_back_earlier_runs_are_history(site: Site) -> None:
    promoted(site, "first", "ssm")
    second = promoted(site, "second", "ssm")
    assert all(one.done for one in handed_back(second))
    second.table.end_production(second.run, handed_back=True)
    third = promoted(site, "third", "ssm")
    assert [note.past for note in third.table.notes("third")] == [("second",)]
    assert all(one.done for one in handed_back(third))
    assert site.now == BEFORE


# ---------------------------------------------------------------- pointers first
def test_pointers_go_back_first_and_the_rest_in_reverse(site: Site) -> None:
    names = [one.action for one in handed_back(promoted(site, "first"))]
    assert names == ["pointer", "lambda", "ssm", "route53", "fence-role", "fence-cronjobs"]


def test_where_somebody_moves_a_pointer_at_the_last_moment_nothing_goes_back(site: Site) -> None:
    """Unlike Teardown, which must end the runner anyhow: this one may stay, and stays, as production."""
    scene = promoted(site, "run-1")
    site.world.store.put(POINTER, b'{"site":"elsewhere"}')
    with pytest.raises(PointerMoved, match="elsewhere, not what run run-1 left"):
        handed_back(scene)
    last = {"ssm": f"relight run-1 on {RUNNER.instance_id}", "pointer": "elsewhere"}
    assert site.now == AFTER | last


def test_what_s3_can_not_do_just_now_is_never_told_as_done_nor_passed_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = promoted(site, "run-1", "fence_role", "pointer")

    def slow(*_: Any, **__: Any) -> None:
        raise Throttled("slow down")

    with monkeypatch.context() as now, pytest.raises(Throttled):
        now.setattr(type(scene.store), "put", slow)
        handed_back(scene)
    assert site.now["fence_role"]
    assert all(one.done for one in handed_back(scene))
    assert site.now == BEFORE


# ---------------------------------------------------------------- cut off
def test_a_hand_back_that_was_cut_off_knows_its_own_work_from_that_of_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(site, "first", "pointer")
    scene = promoted(site, "second", "pointer")

    def cut(table: Table, run_id: str, note: Any, **fields: Any) -> None:
        if "undone" in fields:
            raise KeyboardInterrupt
        CHANGE(table, run_id, note, **fields)

    with monkeypatch.context() as now, pytest.raises(KeyboardInterrupt):
        now.setattr(Table, "change", cut)
        handed_back(scene)
    assert json.loads(site.world.store.get(POINTER)) == {"site": "primary"}
    assert moved(scene.store, scene.table, scene.run) == []
    assert handed_back(scene)[0].detail == "back to primary"
    site.world.store.put(POINTER, b'{"site":"elsewhere"}')
    assert moved(scene.store, scene.table, scene.run) == [POINTER]


CHANGE = Table.change


def test_before_anything_goes_back_a_pointer_as_it_once_was_is_somebody_elses_doing(site: Site) -> None:
    scene = promoted(site, "run-1", "pointer")
    site.world.store.put(POINTER, b'{"site":"primary"}')
    assert moved(scene.store, scene.table, scene.run) == [POINTER]


def test_where_there_was_no_pointer_it_says_afterwards_that_no_site_is_production(site: Site) -> None:
    site.world.store.delete(POINTER)
    scene = promoted(site, "run-1", "pointer")
    assert handed_back(scene)[0].detail == "back to nothing"
    assert json.loads(site.world.store.get(POINTER))["site"] is None
    assert moved(scene.store, scene.table, scene.run) == []
