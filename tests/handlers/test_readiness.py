"""The check function among AWS's own answers (moto's): what it reads, what it keeps, and what the console shows of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.check.handler import handler
from lambdas.check.reading import attempt
from lambdas.console.handler import handler as console
from relight.adapters import aws, capacity, registry
from relight.adapters.calls import Refused
from relight.errors import RequestInvalid, Throttled
from relight.model import decode, timestamp
from relight.readiness.facts import Unread
from relight.readiness.kept import before, keep, latest
from relight.readiness.records import Readiness, State
from relight.records import replace
from tests.handlers.conftest import EVIDENCE, World, backup

AT = "2026-11-25T12:00:00Z"
MADE = Readiness(app="ledger", checked_at=AT, state=State.PASSED, score=100, findings=())


def checked(world: World) -> Readiness:
    return decode(json.loads(json.dumps(handler({"app": "ledger"}, None))), Readiness)


def states(found: Readiness) -> dict[str, State]:
    return {one.check: one.state for one in found.findings}


def shown(app: str) -> tuple[int, dict[str, Any]]:
    caller = {"authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/ann"}}}
    event = {"routeKey": "GET /apps/{app}/readiness", "pathParameters": {"app": app}, "requestContext": caller}
    answer = console(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_what_can_be_read_is_judged_and_the_rest_is_said_to_be_dark(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    backup(world)
    found = checked(world)
    seen = states(found)
    assert [seen[name] for name in ("backup", "rpo", "lease", "clock", "manifests", "offerings")] == [State.PASSED] * 6
    dark = next(one for one in found.findings if one.check == "permissions")
    assert dark.state is State.COULD_NOT_VERIFY
    assert "/relight/permissions/" in dark.seen
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"Ready"' in line]
    assert [(one["Ready"], one["app"]) for one in metrics] == [(found.score, "ledger")]


def test_without_a_backup_what_depends_on_one_is_dark_and_not_green(world: World) -> None:
    seen = states(checked(world))
    assert (seen["backup"], seen["rpo"], seen["manifests"]) == (State.FAILED,) * 3
    assert {seen[name] for name in ("disk", "memory", "architecture", "images")} == {State.COULD_NOT_VERIFY}


def test_a_bucket_that_may_not_be_read_is_dark_and_hides_no_other_reading(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(*_: object, **__: object) -> None:
        raise Throttled("list: AWS throttled the call; wait and try again")

    monkeypatch.setattr("lambdas.check.material.select", throttled)
    seen = states(checked(world))
    assert {seen[name] for name in ("backup", "rpo", "manifests", "images", "clock")} == {State.COULD_NOT_VERIFY}
    assert seen["lease"] is State.PASSED


def test_an_event_without_an_app_is_refused(world: World) -> None:
    with pytest.raises(RequestInvalid, match="names no app"):
        handler({}, None)


def test_an_answer_of_another_shape_is_dark(world: World) -> None:
    found = attempt(lambda: {}["Quota"])
    assert isinstance(found, Unread)
    assert "KeyError" in found.why


def test_an_account_that_never_changed_its_quota_has_awss_default(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(service: str, operation: str, expected: Any = (), **asked: Any) -> dict[str, Any]:
        assert (service, asked["QuotaCode"]) == ("service-quotas", "L-1216C47A")
        if operation == "get_service_quota":
            raise Refused({"Error": {"Code": "NoSuchResourceException"}})
        return {"Quota": {"Value": 5.0}}

    monkeypatch.setattr(capacity, "call", call)
    assert capacity.vcpu_quota() == 5


# ---------------------------------------------------------------- the document
def test_the_console_shows_the_last_one(world: World) -> None:
    status, body = shown("ledger")
    assert (status, body["error"]) == (404, "NotChecked")
    assert "relight check" in body["message"]
    backup(world)
    found = checked(world)
    status, body = shown("ledger")
    assert (status, decode(body, Readiness)) == (200, found)
    assert shown("nobody")[0] == 404


def test_latest_never_moves_to_an_older_one(world: World) -> None:
    keep(world.store, EVIDENCE, MADE)
    keep(world.store, EVIDENCE, replace(MADE, checked_at="2026-11-25T11:00:00Z", score=10))
    found = latest(world.store, EVIDENCE, "ledger")
    assert found is not None and found["score"] == 100


def test_a_latest_that_is_half_written_is_written_over(world: World) -> None:
    world.store.put(f"s3://{EVIDENCE}/ledger/readiness/latest.json", b'{"chec')
    keep(world.store, EVIDENCE, MADE)
    found = latest(world.store, EVIDENCE, "ledger")
    assert found is not None and found["checked_at"] == AT


def test_a_report_gets_the_one_before_its_run(world: World) -> None:
    for hour in (10, 12, 14):
        keep(world.store, EVIDENCE, replace(MADE, checked_at=f"2026-11-25T{hour}:00:00Z", score=hour))
    found = before(world.store, EVIDENCE, "ledger", "2026-11-25T13:00:00.123Z")
    assert found is not None and found["score"] == 12
    assert before(world.store, EVIDENCE, "ledger", "2026-11-25T09:00:00Z") is None


# ---------------------------------------------------------------- readings of AWS
REPOSITORY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop"
INDEX = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [{"digest": "sha256:" + "1" * 64, "size": 1, "platform": {"os": "linux", "architecture": "arm64"}}],
}


def test_an_image_in_ecr_is_found_by_its_digest_with_its_architectures(world: World) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="shop")
    put = ecr.put_image(repositoryName="shop", imageManifest=json.dumps(INDEX), imageManifestMediaType=INDEX["mediaType"])
    there = registry.look(f"{REPOSITORY}@{put['image']['imageId']['imageDigest']}")
    assert (there.there, there.architectures) == (True, frozenset({"arm64"}))
    gone = registry.look(f"{REPOSITORY}@sha256:{'2' * 64}")
    assert (gone.there, "not in repository shop" in gone.why) == (False, True)


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("nginx@sha256:" + "1" * 64, "docker.io is not among the registries"),
        ("quay.io/x/y@sha256:" + "1" * 64, "quay.io is not among the registries"),
        (REPOSITORY + ":1.2", "no registry is asked for it"),
        (REPOSITORY.replace("eu-central-1", "us-east-1") + "@sha256:" + "1" * 64, "us-east-1, another region"),
    ],
)
def test_an_image_elsewhere_is_not_taken_for_there(world: World, ref: str, why: str) -> None:
    found = registry.look(ref)
    assert found.there is None
    assert why in found.why


def test_what_runs_counts_towards_the_quota(world: World) -> None:
    ec2 = aws.client("ec2")
    assert list(capacity.running()) == []
    ec2.run_instances(ImageId="ami-12345678", InstanceType="m5.xlarge", MinCount=2, MaxCount=2)
    assert [one.instance_type for one in capacity.running()] == ["m5.xlarge"] * 2


def test_a_backup_from_before_the_rpo_fails_though_it_is_valid(world: World) -> None:
    backup(world, created=timestamp(datetime.now(UTC) - timedelta(days=9)))
    seen = states(checked(world))
    assert (seen["backup"], seen["rpo"]) == (State.PASSED, State.FAILED)
