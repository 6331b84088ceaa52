"""What Plan reads is what Plan chose; what Launch launched it finds again."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from lambdas.launch.handler import handler as launch
from lambdas.plan import bundle
from lambdas.plan.handler import handler as plan
from lambdas.teardown.handler import handler as teardown
from relight.adapters import aws, calls, compute
from relight.adapters.calls import Refused
from relight.backup.catalog import Selection, select
from relight.backup.reader import open_backup
from relight.errors import Conflict, DigestMismatch, PreflightFailed, RelightError
from tests.handlers.conftest import World, backup, run
from tests.handlers.steps import call, planned
from tests.handlers.test_plan import held


def test_a_backup_that_changes_after_it_was_chosen_changes_no_plan_and_is_refused_by_the_agent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = backup(world)
    manifests, chosen_as = world.store.get(f"{where}/manifests.tar.zst"), world.store.get(f"{where}/metadata.json")

    def overtaken(*given: Any, **options: Any) -> Selection:
        chosen = select(*given, **options)
        world.store.put(f"{where}/metadata.json", chosen_as + b" ")
        world.store.put(f"{where}/manifests.tar.zst", manifests[::-1])
        return chosen

    monkeypatch.setattr(bundle, "select", overtaken)
    made = call(plan, run())
    assert made["metadata_sha256"] == sha256(chosen_as).hexdigest()
    objects = world.store.get(f"{made['uri']}/objects.jsonl")
    assert [json.loads(line)["name"] for line in objects.splitlines()] == ["ledger", "relight-quarantine", "c"]
    with pytest.raises(DigestMismatch, match="the plan was made for"):
        open_backup(world.store, made["backup_uri"], made["metadata_sha256"])


def test_plan_reads_each_object_of_the_backup_once(world: World, asked: list[str]) -> None:
    """The backup's data it only looks up; the agent proves every byte of that."""
    backup(world)
    call(plan, run())
    of_backup = [one for one in asked if "/app/backups" in one and "Put" not in one]
    assert sorted(of_backup) == [
        "GetObject /app/backups/b1/manifests.tar.zst",
        "GetObject /app/backups/b1/metadata.json",
        "HeadObject /app/backups/b1/state.tar.zst",
    ]


@pytest.fixture
def asked(world: World) -> Iterator[list[str]]:
    """The requests to S3, in order."""
    seen: list[str] = []
    events, name = aws.client("s3").meta.events, "before-call"

    def note(model: Any, params: Any, **_: Any) -> None:
        seen.append(f"{model.name} {params['url_path']}")

    events.register(name, note)
    yield seen
    events.unregister(name, note)


def test_a_claim_larger_than_the_runners_disk_ends_the_run_before_anything_is_launched(world: World) -> None:
    where = f"{backup(world)}/metadata.json"
    stored = {"namespace": "ledger", "claim": "data", "bytes": 100 * 2**30, "files": 1}
    world.store.put(where, json.dumps(json.loads(world.store.get(where)) | {"volumes": [stored]}).encode())
    with pytest.raises(PreflightFailed, match=r"40 GiB, too small for .*nothing was launched; set runner.disk_gib to 106"):
        call(plan, run())
    assert world.receipts()[0]["error"]["type"] == "PreflightFailed" and world.live() == []


def test_an_instance_that_ec2_does_not_show_yet_is_looked_for_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its expiry tag is another at each try, and EC2 takes a client token only with the same tags."""
    backup(world)
    given, made = planned(world)
    real, fresh = calls.call, [True]

    def eventually(service: str, operation: str, expected: Any = (), **arguments: Any) -> Any:
        if operation == "describe_instances" and fresh:
            return {"Reservations": []}
        if operation == "run_instances" and fresh:
            fresh.clear()
            assert "IdempotentParameterMismatch" in expected
            assert arguments["ClientToken"] == compute.client_token(given["run_id"], 0)
            real(service, operation, expected, **arguments)
            raise Refused({"Error": {"Code": "IdempotentParameterMismatch", "Message": "other parameters"}})
        return real(service, operation, expected, **arguments)

    monkeypatch.setattr(compute, "call", eventually)
    with pytest.raises(Conflict, match="looking for it again"):
        call(launch, given, plan=made, rung=0)
    assert [call(launch, given, plan=made, rung=0)["instance_id"]] == world.live()


def test_a_held_runner_whose_next_run_fails_while_it_takes_it_on_is_not_left_to_nobody(world: World) -> None:
    """Its tag still names the first run; the lease already names the second."""
    backup(world)
    instance = held(world)
    world.store.delete("s3://storage/app/backups/b1/metadata.json")
    with pytest.raises(RelightError):
        planned(world, mode="drill", run_id="second", start_at="restore")
    call(teardown, run(mode="drill", run_id="second"), outcome="Failed")
    assert instance not in world.live()
    assert world.table.lease("ledger") is None


def test_an_image_that_nobody_saw_on_the_runners_platform_could_not_be_verified_and_stops_nothing(world: World) -> None:
    container = {"name": "main", "image": f"registry.example/ledger@sha256:{'a' * 64}"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
    backup(world, "b1", None, pod)
    planned(world)
    rows = {row["check"]: row for row in world.receipts()[0]["verdicts"]}
    assert rows["platforms"]["verdict"] == "COULD_NOT_VERIFY" and "is unknown" in rows["platforms"]["detail"]
    assert "platform:" not in rows["forecast"]["detail"]
