"""The manifest of ``relight backup cronjob``: rights from the tables, room for the claims, the user that the files have."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relight.backup.rights import policy
from relight.config import Encryption, Hook, Retention
from relight.errors import RequestInvalid
from relight.recovery import rights, scheduled
from relight.recovery.cluster import Object, Objects
from relight.recovery.mounting import Mounting, Reader, mounting
from relight.recovery.rhythm import longest_gap
from tests.recovery.shop import IMAGE, app, cronjob, deployment, obj

WHEN = scheduled.Schedule(cron="0 3 * * *", zone="UTC", late=3600, deadline=3600)
TODAY = datetime(2026, 11, 25, tzinfo=UTC)


def claim(name: str = "data", mode: str = "ReadWriteOnce") -> Object:
    return obj("v1", "PersistentVolumeClaim", name, spec={"accessModes": [mode], "volumeName": f"pv-{name}"})


def mounts(workload: Object, *claims: str, **security: Any) -> Object:
    spec = workload["spec"].get("jobTemplate", workload)["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    spec["securityContext"] = security
    return workload


def web(*claims: str, **security: Any) -> Object:
    made = mounts(deployment(), *claims, **security)
    made["spec"]["selector"] = {"matchLabels": {"app": "web"}}
    return made


def running(name: str, node: str, *claims: str) -> Object:
    volumes = [{"name": one, "persistentVolumeClaim": {"claimName": one}} for one in claims]
    return obj("v1", "Pod", name, spec={"nodeName": node, "volumes": volumes}, status={"phase": "Running"})


def made(mounted: Mounting, **options: Any) -> dict[str, Object]:
    pod = scheduled.Pod(image=IMAGE, **options)
    return {item["kind"]: item for item in scheduled.manifest(app(), "", mounted, ([], []), WHEN, pod)}


def pod_of(objects: dict[str, Object]) -> Object:
    return dict(objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"])


# ---------------------------------------------------------------- claims
def test_the_backup_runs_beside_the_pods_that_hold_a_claim_of_one_node() -> None:
    pod = pod_of(made(mounting([claim(), web("data")], [running("web-1", "n1", "data")])))
    (term,) = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term == {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    assert {"name": "claim-0", "mountPath": "/claims/data", "readOnly": True} in pod["containers"][0]["volumeMounts"]
    assert pod["containers"][0]["args"][-2:] == ["--volume", "data=/claims/data"]


@pytest.mark.parametrize(
    "inside", [[claim(), mounts(cronjob(), "data")], [claim(mode="ReadWriteMany"), web("data")], [web()]], ids=str
)
def test_it_waits_for_no_pod_where_none_holds_the_claim(inside: Objects) -> None:
    assert "affinity" not in pod_of(made(mounting(inside, [])))


def test_each_pod_of_a_stateful_set_that_holds_a_claim_is_named() -> None:
    template = {"metadata": {"name": "data"}, "spec": {}}
    db = obj("apps/v1", "StatefulSet", "db", spec={"template": deployment()["spec"]["template"]})
    db["spec"]["volumeClaimTemplates"] = [template]
    found = mounting([claim("data-db-0"), db], [])
    assert found.beside == ({"matchLabels": {"statefulset.kubernetes.io/pod-name": "db-0"}},)


def test_claims_that_no_single_pod_can_mount_are_refused() -> None:
    with pytest.raises(RequestInvalid, match="data on n1, more on n2"):
        mounting([claim(), claim("more")], [running("a", "n1", "data"), running("b", "n2", "more")])
    with pytest.raises(RequestInvalid, match="no second pod can mount it"):
        mounting([claim(mode="ReadWriteOncePod")], [])


# ---------------------------------------------------------------- the user
def test_it_reads_as_the_apps_own_user_where_all_say_the_same() -> None:
    found = mounting([claim(), web("data", runAsUser=1000, fsGroup=2000)], [])
    assert found.reader == Reader(user=1000, group=1000, more_groups=(2000,))
    security = pod_of(made(found))["securityContext"]
    assert security["runAsNonRoot"] is True and security["supplementalGroups"] == [2000] and "fsGroup" not in security


@pytest.mark.parametrize("one", [{}, {"runAsUser": 0}, {"runAsUser": 7}], ids=["silent", "root", "another"])
def test_it_reads_as_root_where_files_may_belong_to_anybody(one: dict[str, int]) -> None:
    found = mounting([claim(), web("data", **one), mounts(cronjob(), "data", runAsUser=1000)], [])
    pod = pod_of(made(found))
    assert pod["securityContext"]["runAsUser"] == 0
    container = pod["containers"][0]["securityContext"]
    assert container["capabilities"] == {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}
    assert container["readOnlyRootFilesystem"] and not container["allowPrivilegeEscalation"]


# ---------------------------------------------------------------- identity, rights
def test_an_identity_is_named_and_never_told() -> None:
    role = made(mounting([], []), role="arn:aws:iam::123456789012:role/x")
    assert role["ServiceAccount"]["metadata"]["annotations"] == {
        "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/x"
    }
    keys = pod_of(made(mounting([], []), secret="writer"))
    assert keys["containers"][0]["envFrom"] == [{"secretRef": {"name": "writer"}}]
    assert "annotations" not in made(mounting([], []))["ServiceAccount"]["metadata"]


class Kinds:
    """A cluster's discovery."""

    def __init__(self, *kinds: tuple[str, str, str, bool]) -> None:
        self.kinds = [
            type("K", (), dict(zip(("api_version", "kind", "plural", "namespaced"), one, strict=True))) for one in kinds
        ]

    def resources(self) -> list[Any]:
        return self.kinds

    def list(self, api_version: str, kind: str) -> Objects:
        """One of cluster scope is defined: ClusterIssuer."""
        names = {"kind": "ClusterIssuer"}
        return [{"spec": {"scope": "Cluster", "group": "cert.example", "names": names}}]


SERVED = Kinds(
    ("v1", "Secret", "secrets", True),
    ("v1", "Event", "events", True),
    ("apps/v1", "Deployment", "deployments", True),
    ("shop.example/v1", "Order", "orders", True),
    ("v1", "Node", "nodes", False),
    ("cert.example/v1", "ClusterIssuer", "clusterissuers", False),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", False),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False),
)


def told(found: list[rights.Right]) -> set[str]:
    return {f"{right.verb} {right.resource}" for right in found}


def test_rights_follow_from_what_is_served_and_from_what_the_app_asks_for() -> None:
    plain = {"get namespaces", "list pods", "list secrets", "list deployments", "list orders"}
    assert told(rights.within(app(), SERVED)) == plain  # type: ignore[arg-type]
    quiet = told(rights.within(app(quiesce=True), SERVED))  # type: ignore[arg-type]
    assert quiet - plain == {"patch deployments"}
    hook = Hook(name="dump", when="before_backup", image=IMAGE, command=("true",))
    hooked = told(rights.within(app(hooks=(hook,)), SERVED))  # type: ignore[arg-type]
    assert hooked - plain == {"create jobs", "get jobs", "delete jobs", "get pods/log"}
    later = Hook(name="load", when="after_restore", image=IMAGE, command=("true",))
    assert told(rights.within(app(hooks=(later,)), SERVED)) == plain  # type: ignore[arg-type]
    beyond = {"get nodes", "list customresourcedefinitions", "get storageclasses", "get clusterissuers"}
    assert told(rights.beyond(SERVED)) == beyond  # type: ignore[arg-type]


def test_rules_are_one_for_each_group_and_verb_in_a_fixed_order() -> None:
    found = rights.rules(rights.within(app(), SERVED))  # type: ignore[arg-type]
    assert found == rights.rules(reversed(rights.within(app(), SERVED)))  # type: ignore[arg-type]
    assert {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["shop"], "verbs": ["get"]} in found
    assert {"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["list"]} in found


@pytest.mark.parametrize("storage", ["s3://b/shop", "s3://b/shop/"])
def test_the_policy_covers_the_apps_backups_alone(storage: str) -> None:
    found = {tuple(one["Action"]): one["Resource"] for one in policy(app(storage=storage))["Statement"]}
    below = ["arn:aws:s3:::b/shop/backups/*"]
    assert found == {("s3:PutObject",): below, ("s3:GetObject",): below, ("s3:ListBucket",): ["arn:aws:s3:::b"]}


def test_the_policy_grows_with_locks_and_keys() -> None:
    key, other = (f"arn:aws:kms:eu-central-1:123456789012:key/{n}" for n in (1, 2))
    kept, sealed = Retention(lock="governance", lock_days=7), Encryption(kms_keys=(other,))
    found = policy(app(retention=kept, kms_key=key, encryption=sealed))["Statement"]
    on = {action: one["Resource"] for one in found for action in one["Action"]}
    assert "s3:PutObjectRetention" in on and "s3:GetBucketObjectLockConfiguration" in on
    assert (on["kms:GenerateDataKey"], on["kms:Encrypt"]) == ([key], [other])


# ---------------------------------------------------------------- rhythm
@pytest.mark.parametrize(
    ("cron", "zone", "hours"),
    [("0 3 * * *", "UTC", 24), ("0 */6 * * *", "UTC", 6), ("0 3 * * 1-5", "UTC", 72), ("0 3 * * *", "Europe/Berlin", 25)],
)
def test_the_longest_gap_counts_weekends_and_the_change_of_clocks(cron: str, zone: str, hours: int) -> None:
    assert longest_gap(cron, zone, TODAY) == hours * 3600
