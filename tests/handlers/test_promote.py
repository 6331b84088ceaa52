"""A promotion's actions: each kind does, repeats, verifies and undoes; together they are all done, or all taken back."""

from collections.abc import Callable
from typing import Any

import pytest

from relight.adapters import aws, dns, values
from relight.adapters.notes import Notes
from relight.errors import (
    AccessDenied,
    ActionFailed,
    ActionMoved,
    FinalError,
    RelightError,
    RetryableError,
    Throttled,
)
from relight.model import ActionResult, Verdict
from relight.promotion import acting
from relight.promotion.acting import KINDS, preview, promote, undo
from tests.handlers.site import AFTER, BEFORE, Site

STANDING = tuple(BEFORE)  # kinds of which something can be looked at


def back(site: Site) -> tuple[ActionResult, ...]:
    return undo(site.scene, last_try=True)


def told(results: tuple[ActionResult, ...]) -> str:
    return "\n".join(f"{one.action} {one.target}: {one.detail}" for one in results)


# ---------------------------------------------------------------- each kind
@pytest.mark.parametrize("kind", STANDING)
def test_a_kind_does_its_one_thing_and_takes_exactly_that_back(site: Site, kind: str) -> None:
    (done,) = promote(site.scene, site.actions(kind))
    assert (done.done, done.verdict) == (True, Verdict.PASSED)
    assert site.now == BEFORE | {kind: AFTER[kind]}
    (undone,) = back(site)
    assert undone.done
    assert site.now == BEFORE


@pytest.mark.parametrize("kind", KINDS)
def test_repeated_it_changes_nothing_twice_and_knows_what_was_there_at_first(site: Site, kind: str) -> None:
    first = promote(site.scene, site.actions(kind))
    assert [one.done for one in promote(site.scene, site.actions(kind))] == [one.done for one in first]
    assert back(site)[0].done
    assert back(site)[0].detail == "undone before"
    assert site.now == BEFORE


def move_pointer(site: Site) -> None:
    site.world.store.put("s3://storage/app/site/active.json", b'{"site":"elsewhere"}')


MEDDLES: dict[str, Callable[[Site], Any]] = {
    "pointer": move_pointer,
    "route53": lambda site: site.point("9.9.9.9"),
    "ssm": lambda _: aws.client("ssm").put_parameter(Name="/shop/site", Value="elsewhere", Overwrite=True),
}


@pytest.mark.parametrize("kind", MEDDLES)
def test_what_somebody_else_changed_meanwhile_is_never_overwritten(site: Site, kind: str) -> None:
    promote(site.scene, site.actions(kind))
    MEDDLES[kind](site)
    theirs = site.now
    with pytest.raises(FinalError, match="somebody else"):
        promote(site.scene, site.actions(kind))
    (undone,) = back(site)
    assert not undone.done
    assert "Moved" in undone.detail
    assert site.now == theirs


@pytest.mark.parametrize("kind", MEDDLES)
def test_what_changed_since_the_approver_saw_it_is_not_promoted_over(site: Site, kind: str) -> None:
    site.scene.table.keep_preview("run-1", preview(site.scene, site.actions(kind)))
    MEDDLES[kind](site)
    theirs = site.now
    with pytest.raises(ActionMoved, match="not what the approver saw"):
        promote(site.scene, site.actions(kind))
    assert site.now == theirs


@pytest.mark.parametrize("kind", ["route53", "ssm"])
@pytest.mark.parametrize("error", [AccessDenied("no"), Throttled("slow down")])
def test_what_aws_refuses_leaves_production_as_it_was(
    site: Site, kind: str, error: RelightError, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, what = {"route53": (dns, "change"), "ssm": (values, "write")}[kind]
    monkeypatch.setattr(where, what, raising(error))
    with pytest.raises(type(error)):
        promote(site.scene, site.actions(kind))
    assert back(site)[0].done
    assert site.now == BEFORE


def raising(error: Exception) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse


# ---------------------------------------------------------------- all together
def test_all_of_it_is_done_in_the_order_written_and_taken_back_in_reverse(site: Site) -> None:
    done = promote(site.scene, site.actions())
    assert [one.action for one in done] == [one.name for one in site.actions()]
    assert site.now == AFTER
    assert [one.action for one in back(site)] == [one.name for one in reversed(site.actions())]
    assert site.now == BEFORE


def test_nothing_is_done_before_everything_could_be_looked_at(site: Site) -> None:
    site.function.answers["plan"] = {"done": False, "detail": "not today"}
    with pytest.raises(ActionFailed, match="not today"):
        promote(site.scene, site.actions())
    assert site.now == BEFORE
    assert back(site) == ()


def test_one_that_was_done_and_is_not_to_be_seen_ends_it_and_the_others_go_back(site: Site) -> None:
    site.function.answers["verify"] = {"done": False, "detail": "still the old cache"}
    with pytest.raises(ActionFailed, match="still the old cache"):
        promote(site.scene, site.actions())
    assert site.now == AFTER
    assert all(one.done for one in back(site))
    assert site.now == BEFORE


def test_what_can_not_be_taken_back_is_named_and_the_rest_goes_back(site: Site) -> None:
    promote(site.scene, site.actions())
    site.function.answers["undo"] = {"done": False, "detail": "the cache is gone"}
    undone = back(site)
    assert [one.action for one in undone if not one.done] == ["lambda"]
    assert "the cache is gone" in told(undone)
    assert site.now == BEFORE


def test_teardown_tries_again_what_aws_could_not_do_just_now_and_then_tells_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(site.scene, site.actions("ssm", "pointer"))
    monkeypatch.setattr(values, "write", raising(Throttled("slow down")))
    with pytest.raises(RetryableError):
        undo(site.scene, last_try=False)
    pointer, parameter = undo(site.scene, last_try=True)
    assert (pointer.detail, parameter.done) == ("undone before", False)
    monkeypatch.undo()
    assert all(one.done for one in back(site))
    assert site.now == BEFORE


STEPS = ("note", "do", "verify")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "kind", [kind if kind == "pointer" else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_killed_at_any_step_the_next_try_goes_on_and_teardown_takes_back(
    site: Site, kind: str, when: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [one for one in ("pointer", "ssm") if one != kind]
    kill(monkeypatch, kind, when, step)
    with pytest.raises(KeyboardInterrupt):
        promote(site.scene, site.actions(*others, kind))
    monkeypatch.setattr(acting, "KINDS", KINDS)
    monkeypatch.setattr(Notes, "note", NOTE)
    once_more = promote(site.scene, site.actions(*others, kind))
    assert all(one.done for one in once_more)
    assert {k: v for k, v in site.now.items() if k in (*others, kind)} == {
        k: v for k, v in AFTER.items() if k in (*others, kind)
    }
    assert all(one.done for one in back(site))
    assert site.now == BEFORE


NOTE = Notes.note


def kill(monkeypatch: pytest.MonkeyPatch, kind: str, when: str, step: str) -> None:
    def struck(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            note = arguments[-1]
            if note.action.kind == kind and when == "before":
                raise KeyboardInterrupt
            answer = real(*arguments)
            if note.action.kind == kind:
                raise KeyboardInterrupt
            return answer

        return call

    if step == "note":
        monkeypatch.setattr(Notes, "note", struck(NOTE))
        return
    monkeypatch.setattr(acting, "KINDS", {**KINDS, kind: Struck(KINDS[kind], step, struck)})


class Struck:
    """The kind, with one of its steps struck."""

    def __init__(self, kind: Any, step: str, struck: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        self._kind, self._step, self._struck = kind, step, struck

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._kind, name)
        return self._struck(found) if name == self._step else found


# ---------------------------------------------------------------- before anybody decides
def test_the_approver_sees_what_would_change_and_nothing_is_changed(site: Site) -> None:
    lines = "\n".join(preview(site.scene, site.actions()).lines)
    assert "pointer pointer: s3://storage/app/site/active.json: primary → relight/run-1" in lines
    assert "A shop.example.com" in lines and "1.2.3.4 → 5.6.7.8" in lines
    assert "function purge is called" in lines
    assert site.function.asked == []
    assert site.now == BEFORE


def test_the_approver_hears_what_could_not_be_read_and_that_nothing_fences(site: Site) -> None:
    aws.client("ssm").delete_parameter(Name="/shop/site")
    first, last = preview(site.scene, site.actions("ssm")).lines
    assert "could not be read" in first
    assert "is not fenced" in last
