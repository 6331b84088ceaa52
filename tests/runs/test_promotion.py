"""A promotion of several kinds on the engine, by the template's own roles: all of it, or nothing of it, and back.

The old primary is a cluster of its own, which the promote function reaches by its kubeconfig, or does not.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relight.adapters.kube import Cluster
from relight.adapters.primary import suspended
from relight.adapters.s3 import S3
from relight.config import App
from relight.local.cluster import start
from relight.promoteconfig import PromoteAction
from tests.runs.invariants import holds
from tests.runs.stage import Stage
from tests.support import free_port

pytestmark = pytest.mark.slow
NAME, BEFORE, AFTER = "shop.example.com", "192.0.2.1", "192.0.2.2"
CODE = """
def handler(event, context):
    return {"done": event["action"] != "%s", "detail": event["action"] + " of the cache"}
"""


class Promoting(Stage):
    """``zone``: where the app's record is. ``secret``: what holds the old primary's kubeconfig."""

    zone: str
    secret: str

    def _described(self, app: App) -> App:
        made = self.aws("route53").create_hosted_zone(Name="example.com", CallerReference="once")
        self.zone = made["HostedZone"]["Id"].rpartition("/")[2]
        self.point(BEFORE)
        self.aws("ssm").put_parameter(Name="/shop/site", Type="String", Value="primary")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = self.aws("iam").create_role(RoleName="shop-publish", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.aws("lambda").create_function(
            FunctionName="purge", Runtime="python3.13", Role=role, Handler="purge.handler", Code={"ZipFile": packed("do")}
        )
        made = self.aws("secretsmanager").create_secret(Name="kubeconfig-of-primary", SecretString="none yet")
        self.secret = made["ARN"]
        fence = PromoteAction(name="old-cronjobs", kind="fence_cronjobs", kubeconfig=self.secret)
        actions = (
            PromoteAction(name="dns", kind="route53", zone=self.zone, record=NAME, values=(AFTER,)),
            PromoteAction(name="value", kind="ssm", parameter="/shop/site", value="{run_id}"),
            PromoteAction(name="cache", kind="lambda", function="purge"),
        )
        return replace(app, promote=(fence, *app.promote, *actions))

    @contextmanager
    def old_primary(self) -> Iterator[Cluster]:
        """It is up, and a cluster of its own. Afterwards nobody answers there."""
        cluster = start(self._state / "primary", "primary")
        kubeconfig = cluster.kubeconfig.read_text(encoding="utf-8")
        try:
            self.aws("secretsmanager").put_secret_value(SecretId=self.secret, SecretString=kubeconfig)
            yield Cluster(cluster.kubeconfig)
        finally:
            cluster.stop()

    def promoted(self, run_id: str) -> dict[str, Any]:
        """The fence's row of what was promoted, as the run's receipt has it."""
        (receipt,) = [one for one in self.receipts(run_id) if one["phase"] == "promote"]
        (fence,) = [one for one in receipt["inputs"]["actions"] if one["action"] == "old-cronjobs"]
        return dict(fence)

    def warnings(self, run_id: str) -> str:
        with self.signed_in():
            return "\n".join(json.loads(S3().get(f"{self.evidence(run_id)}/report.json"))["warnings"])

    def point(self, address: str) -> None:
        named = {"Name": NAME, "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": address}]}
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": named}]}
        self.aws("route53").change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)

    def production(self) -> dict[str, Any]:
        records = self.aws("route53").list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        (record,) = [one for one in records if one["Type"] == "A"]
        value = self.aws("ssm").get_parameter(Name="/shop/site")["Parameter"]["Value"]
        return {"site": self.site(), "dns": record["ResourceRecords"][0]["Value"], "value": value}

    def fails_at(self, action: str) -> None:
        self.aws("lambda").update_function_code(FunctionName="purge", ZipFile=packed(action))

    def refused(self) -> list[str]:
        calls = map(json.loads, self.engine.calls.read_text(encoding="utf-8").splitlines())
        return [
            f"{one['principal']}: {one['action']}"
            for one in calls
            if not one["allowed"] and "role/relight" in one["principal"]
        ]


def packed(fails: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("purge.py", CODE % fails)
    return buffer.getvalue()


PRIMARY = {"site": "primary", "dns": BEFORE, "value": "primary"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promoting]:
    stage = Promoting(Path(tmp_path_factory.mktemp("promoting")), free_port())
    try:
        stage.up()
        yield stage
    finally:
        stage.engine.down()


def approved(stage: Promoting) -> str:
    run_id = stage.start(mode="incident", break_glass="the primary is gone")
    told = stage.asked(run_id)
    lines = stage.until(lambda: (stage.see(run_id)["facts"].get("preview") or {}).get("lines"), "what it would do is told")
    assert any(f"{BEFORE} → {AFTER}" in line for line in lines)
    assert any("CronJobs resume: publish" in line for line in lines)
    assert told["state"] == "waiting"
    assert stage.production() == PRIMARY
    stage.approve(run_id)
    return run_id


FENCED, FREE = {"publish": True}, {"publish": False}


def test_a_failure_in_the_last_action_takes_the_others_back(made: Promoting) -> None:
    made.fails_at("do")
    with made.old_primary() as old:
        run_id = approved(made)
        assert made.ended(run_id)["end"] == "Failed"
        assert suspended(old, made.app.namespace) == FREE
    assert made.production() == PRIMARY
    (teardown,) = [one for one in made.receipts(run_id) if one["phase"] == "teardown"]
    undone = teardown["outputs"]["undone"]
    assert [one["action"] for one in undone] == ["cache", "value", "dns", "active-site", "old-cronjobs"]
    assert all(one["done"] for one in undone)
    holds(made, run_id)


def test_all_of_it_is_promoted_and_failed_back_by_what_the_roles_may(made: Promoting) -> None:
    made.fails_at("nothing")
    with made.old_primary() as old:
        run_id = approved(made)
        made.serving(run_id)
        assert made.production() == {"site": f"relight/{run_id}", "dns": AFTER, "value": run_id}
        assert suspended(old, made.app.namespace) == FENCED
        made.decide(run_id, "failback", confirm=True)
        assert made.ended(run_id)["end"] == "Succeeded"
        assert suspended(old, made.app.namespace) == FREE
    assert made.promoted(run_id)["verdict"] == "PASSED"
    assert made.production() == PRIMARY
    holds(made, run_id)
    assert made.refused() == []


def test_an_old_primary_that_cannot_be_reached_stops_no_promotion_and_no_way_back(made: Promoting) -> None:
    made.fails_at("nothing")
    with made.old_primary():
        pass
    run_id = approved(made)
    made.serving(run_id)
    told = made.promoted(run_id)
    assert (told["done"], told["verdict"]) == (False, "COULD_NOT_VERIFY")
    assert told["detail"].startswith("the old primary was not fenced: ")
    assert "nothing answers at the cluster's address" in told["detail"]
    made.decide(run_id, "failback", confirm=True)
    assert made.ended(run_id)["end"] == "Succeeded"
    assert "the old primary was not fenced" in made.warnings(run_id)
    assert made.production() == PRIMARY
    holds(made, run_id)


def test_an_old_primary_that_goes_away_while_it_is_fenced_is_named_and_holds_up_nothing(made: Promoting) -> None:
    made.fails_at("nothing")
    with made.old_primary() as old:
        run_id = approved(made)
        made.serving(run_id)
        assert suspended(old, made.app.namespace) == FENCED
    made.decide(run_id, "failback", confirm=True)
    assert made.ended(run_id)["end"] == "Succeeded"
    assert f"not undone: {made.app.namespace}: " in made.warnings(run_id)
    assert made.production() == PRIMARY
    holds(made, run_id)
