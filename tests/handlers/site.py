"""An app whose promotion changes one thing of each kind, and what stands before: a zone, a function, a primary, ..."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from relight.adapters import aws, primary, roles, userfunction
from relight.model import Run, Runner, canonical, decode
from relight.promoteconfig import PromoteAction
from relight.promotion.kind import Scene
from tests.handlers.conftest import APP, STORAGE, World, run

DENY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
POINTER = f"s3://{STORAGE}/app/site/active.json"
PRIMARY = b'{"site":"primary"}'
ROLE = "arn:aws:iam::123456789012:role/publish"
RUNNER = Runner(
    instance_id="i-1", principal="p", instance_type="m7g.large", zone="a", rung=0, launched_at="x", expires_at="y"
)


@dataclass
class Primary:
    """The old primary's cluster. ``away``: what every request to it raises."""

    cronjobs: dict[str, bool] = field(default_factory=lambda: {"nightly": False, "weekly": False, "retired": True})
    running: tuple[str, ...] = ()
    away: Exception | None = None

    def list(self, version: str, kind: str, namespace: str) -> list[dict[str, Any]]:
        self._reach()
        if kind == "Job":
            return [{"metadata": {"name": name}, "status": {"active": 1}} for name in self.running]
        return [{"metadata": {"name": name}, "spec": {"suspend": still}} for name, still in self.cronjobs.items()]

    def patch(self, version: str, kind: str, namespace: str, name: str, patch: dict[str, Any]) -> None:
        self._reach()
        self.cronjobs[name] = patch["spec"]["suspend"]

    def _reach(self) -> None:
        if self.away:
            raise self.away


@dataclass
class Asked:
    """A function of the user's: what it was asked, and what it answers to each (``done`` unless told otherwise)."""

    events: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        event = json.loads(Payload)
        self.events.append(event)
        said = self.answers.get(event["action"], {"done": True, "detail": f"{event['action']} of the cache"})
        if isinstance(said, Exception):
            raise said
        if said == "broken":
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "secret"}')}
        return {"Payload": io.BytesIO(said if isinstance(said, bytes) else json.dumps(said).encode())}

    @property
    def asked(self) -> list[str]:
        return [event["action"] for event in self.events]


@dataclass
class Site:
    """What stands: the zone, and who can be asked."""

    world: World
    zone: str
    old: Primary
    function: Asked

    def actions(self, *kinds: str) -> tuple[PromoteAction, ...]:
        rows: dict[str, dict[str, Any]] = {
            "fence_cronjobs": {"kubeconfig": "kubeconfig-of-primary"},
            "fence_role": {"role": ROLE},
            "pointer": {"key": "site/active.json"},
            "route53": {"zone": self.zone, "record": "shop.example.com", "values": ["5.6.7.8"]},
            "ssm": {"parameter": "/shop/site", "value": "relight {run_id} on {instance_id}"},
            "lambda": {"function": "purge"},
        }
        wanted = kinds or tuple(rows)
        raw = [{"name": kind.replace("_", "-"), "kind": kind, **rows[kind]} for kind in wanted]
        return tuple(decode(row, PromoteAction) for row in raw)

    def configure(self, *kinds: str) -> None:
        """The app as it is deployed promotes by these."""
        app = APP | {"promote": self.actions(*kinds)}
        aws.client("ssm").put_parameter(
            Name="/relight/apps/ledger", Type="String", Value=canonical(app).decode(), Overwrite=True
        )

    @property
    def scene(self) -> Scene:
        return Scene(
            store=self.world.store, table=self.world.table, run=decode(run(), Run), runner=RUNNER,
            storage=f"s3://{STORAGE}/app", namespace="ledger",
        )  # fmt: skip

    # ------------------------------------------------------------ what stands now
    def point(self, address: str, ttl: int = 300) -> None:
        named = {"Name": "shop.example.com", "Type": "A", "TTL": ttl, "ResourceRecords": [{"Value": address}]}
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": named}]}
        aws.client("route53").change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)

    @property
    def now(self) -> dict[str, Any]:
        """What a client, a program and an administrator of production see."""
        records = aws.client("route53").list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        attached = aws.client("iam").list_attached_role_policies(RoleName="publish")["AttachedPolicies"]
        return {
            "pointer": json.loads(self.world.store.get(POINTER))["site"],
            "route53": [(r["TTL"], [v["Value"] for v in r["ResourceRecords"]]) for r in records if r["Type"] == "A"],
            "ssm": aws.client("ssm").get_parameter(Name="/shop/site")["Parameter"]["Value"],
            "fence_role": roles.DENY_ALL in [one["PolicyArn"] for one in attached],
            "fence_cronjobs": dict(self.old.cronjobs),
        }


BEFORE = {
    "pointer": "primary",
    "route53": [(300, ["1.2.3.4"])],
    "ssm": "primary",
    "fence_role": False,
    "fence_cronjobs": {"nightly": False, "weekly": False, "retired": True},
}
AFTER = {
    "pointer": "relight/run-1",
    "route53": [(60, ["5.6.7.8"])],
    "ssm": "relight run-1 on i-1",
    "fence_role": True,
    "fence_cronjobs": {"nightly": True, "weekly": True, "retired": True},
}


def made(world: World, patch: Callable[[object, str, object], None]) -> Site:
    zone = aws.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]["Id"]
    aws.client("ssm").put_parameter(Name="/shop/site", Type="String", Value="primary")
    aws.client("iam").create_role(RoleName="publish", AssumeRolePolicyDocument="{}")
    here = Site(world=world, zone=zone.rpartition("/")[2], old=Primary(), function=Asked())
    here.point("1.2.3.4")
    policy = aws.client("iam").create_policy(PolicyName="AWSDenyAll", PolicyDocument=DENY)["Policy"]["Arn"]
    patch(roles, "DENY_ALL", policy)  # AWS's own ones moto loads for seconds
    _mock_parts(here, patch)
    return here


def _mock_parts(here: Site, patch: Callable[[object, str, object], None]) -> None:
    """moto runs functions in Docker alone, and has no cluster."""

    @contextmanager
    def reached(secret: str) -> Iterator[Primary]:
        yield here.old

    patch(primary, "reached", reached)
    patch(userfunction, "client", lambda service, once: here.function)
