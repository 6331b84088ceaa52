"""The finer points of each kind of promote action, and fences: a primary out of reach stops nothing, and is never green."""

from collections.abc import Callable
from typing import Any

import pytest

from relight.adapters import aws, dns, roles, values
from relight.adapters.calls import Refused
from relight.errors import (
    AccessDenied,
    ActionFailed,
    ActionMoved,
    ClusterNotReady,
    RelightError,
    ServiceUnavailable,
)
from relight.model import ActionResult, Verdict
from relight.promotion.acting import promote, undo
from relight.records import replace
from tests.handlers.site import BEFORE, RUNNER, Site

STANDING = tuple(BEFORE)  # kinds of which something can be looked at


def back(site: Site) -> tuple[ActionResult, ...]:
    return undo(site.scene, last_try=True)


def raising(error: Exception) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse


# ---------------------------------------------------------------- the finer points of a kind
def test_a_record_that_changed_at_the_very_moment_stays_as_it_is(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Route 53 refuses the batch. Simulated: moto takes a DELETE that matches nothing."""
    refused = {"Error": {"Code": "InvalidChangeBatch", "Message": "the values provided do not match the current values"}}
    real = dns.call

    def late(service: str, operation: str, *rest: Any, **arguments: Any) -> Any:
        if operation == "change_resource_record_sets":
            raise Refused(refused)
        return real(service, operation, *rest, **arguments)

    monkeypatch.setattr(dns, "call", late)
    with pytest.raises(ActionMoved, match="do not match"):
        promote(site.scene, site.actions("route53"))
    assert site.now == BEFORE


def test_a_record_that_was_not_there_is_gone_again_when_it_is_taken_back(site: Site) -> None:
    (action,) = site.actions("route53")
    cname = replace(action, record="new.example.com", type="CNAME", values=("standby.example.net",))
    (done,) = promote(site.scene, (cname,))
    assert "nothing → standby.example.net" in done.detail
    assert dns.find(site.zone, "new.example.com", "CNAME")
    assert back(site)[0].done
    assert dns.find(site.zone, "new.example.com", "CNAME") == []


def test_a_record_of_a_routing_policy_is_refused_before_anything_is_done(site: Site) -> None:
    found = {"Name": "shop.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [], "SetIdentifier": "blue"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dns, "find", lambda *_: [found])
        with pytest.raises(ActionFailed, match="routing policy"):
            promote(site.scene, site.actions("ssm", "route53"))
    assert site.now == BEFORE


def test_a_change_that_is_not_yet_everywhere_is_not_called_verified(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "everywhere", lambda *_: False)
    (done,) = promote(site.scene, site.actions("route53"))
    assert (done.done, done.verdict) == (True, Verdict.COULD_NOT_VERIFY)
    assert "not yet everywhere" in done.detail


@pytest.mark.parametrize("kind", ["SecureString", "StringList"])
def test_a_secret_is_no_promote_action(site: Site, kind: str) -> None:
    aws.client("ssm").put_parameter(Name="/shop/password", Type=kind, Value="hunter2")
    (action,) = site.actions("ssm")
    with pytest.raises(ActionFailed, match=f"is a {kind}") as caught:
        promote(site.scene, (replace(action, parameter="/shop/password"),))
    assert "hunter2" not in str(caught.value)


def test_whoever_wrote_a_parameter_in_between_is_put_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = values.read

    def read_then_lose(name: str) -> tuple[str, int]:
        found = real(name)
        if name == "/shop/site":
            aws.client("ssm").put_parameter(Name=name, Value="theirs", Overwrite=True)
        return found

    monkeypatch.setattr(values, "read", read_then_lose)
    with pytest.raises(ActionMoved, match="put back"):
        values.write("/shop/site", "primary", "ours")
    monkeypatch.undo()
    assert real("/shop/site")[0] == "theirs"


ANSWERS: list[tuple[Any, str]] = [
    ({"done": False, "detail": "the cache\nis locked"}, "the cache is locked"),
    ({"ok": True}, "no {"),
    (b"<html>", "no {"),
    (b'{"done": true, "detail": "' + b"x" * 20_000, "more than"),
    ("broken", "failed (Unhandled)"),
]


@pytest.mark.parametrize(("answer", "why"), ANSWERS)
def test_a_function_that_does_not_answer_as_agreed_ends_the_promotion(site: Site, answer: Any, why: str) -> None:
    site.function.answers["do"] = answer
    with pytest.raises(ActionFailed) as caught:
        promote(site.scene, site.actions("pointer", "lambda"))
    assert why in str(caught.value)
    assert "secret" not in str(caught.value)
    assert all(one.done for one in back(site))
    assert site.now == BEFORE


def test_a_function_is_told_what_it_needs_under_one_key(site: Site) -> None:
    promote(site.scene, site.actions("lambda"))
    back(site)
    assert site.function.asked == ["plan", "do", "verify", "undo"]
    assert {event["key"] for event in site.function.events} == {"run-1:lambda"}
    assert site.function.events[1]["runner"]["instance_id"] == RUNNER.instance_id


# ---------------------------------------------------------------- fences
@pytest.mark.parametrize("why", [ClusterNotReady("no answer"), ServiceUnavailable("timed out"), AccessDenied("no")])
def test_a_primary_out_of_reach_stops_no_promotion_and_is_said_never_green(site: Site, why: RelightError) -> None:
    site.old.away = why
    fence, pointer = promote(site.scene, site.actions("fence_cronjobs", "pointer"))
    assert (fence.done, fence.verdict) == (False, Verdict.COULD_NOT_VERIFY)
    assert fence.detail.startswith("the old primary was not fenced:")
    assert pointer.done


def test_a_primary_lost_half_way_is_resumed_as_far_as_it_was_suspended(site: Site) -> None:
    site.old.patch = dies_after_one(site)  # type: ignore[method-assign]
    (fence,) = promote(site.scene, site.actions("fence_cronjobs"))
    assert not fence.done
    del site.old.patch
    assert site.old.cronjobs != BEFORE["fence_cronjobs"]
    assert back(site)[0].done
    assert site.now == BEFORE


def dies_after_one(site: Site) -> Callable[..., None]:
    def patch(version: str, kind: str, namespace: str, name: str, patch: dict[str, Any]) -> None:
        if any(still for name, still in site.old.cronjobs.items() if name != "retired"):
            raise ServiceUnavailable("gone")
        site.old.cronjobs[name] = patch["spec"]["suspend"]

    return patch


def test_jobs_that_still_run_on_the_primary_are_named(site: Site) -> None:
    site.old.running = ("nightly-123",)
    (fence,) = promote(site.scene, site.actions("fence_cronjobs"))
    assert "still running: nightly-123" in fence.detail


def test_a_fence_that_cannot_be_lifted_is_told_and_holds_up_nothing(site: Site) -> None:
    promote(site.scene, site.actions("fence_cronjobs", "pointer"))
    site.old.away = ClusterNotReady("no answer")
    pointer, fence = undo(site.scene, last_try=False)
    assert (pointer.done, fence.done) == (True, False)
    assert "ClusterNotReady" in fence.detail


def test_a_role_that_was_denied_before_stays_denied(site: Site) -> None:
    roles.deny("publish")
    promote(site.scene, site.actions("fence_role"))
    assert back(site)[0].done
    assert site.now == BEFORE | {"fence_role": True}
