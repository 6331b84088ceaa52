"""The promoted site's backup onto a primary that stands: shown first, written while nothing uses it, started."""

from typing import Any

import pytest

from relight.config import Hook
from relight.errors import FailbackStopped, HookFailed
from relight.recovery.bringing import Bringing, Worker
from relight.recovery.cluster import Object
from relight.recovery.ledger import Fate
from relight.recovery.mounting import Reader
from relight.recovery.onto import WRITTEN, Onto, look
from relight.recovery.patience import Deadline
from relight.recovery.release import BEFORE, freeze
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import IMAGE, app, claim, cronjob, deployment, namespace, obj, recipe, shop
from tests.recovery.test_command_validator import made
from tests.recovery.test_job_validator import jobs, playing

RUN = "run-1"
DIGEST = "d" * 64
ROLE = obj("rbac.authorization.k8s.io/v1", "ClusterRole", "shop-reads", None, rules=[{"verbs": ["get"]}])
DEFAULT = obj("storage.k8s.io/v1", "StorageClass", "fast", None)
DEFAULT["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}


def primary(cluster: FakeCluster | None = None, *without: str) -> FakeCluster:
    """The shop as the primary has it: older, of other size, with something of its own."""
    cluster = cluster or playing("Complete")
    of_its_own = obj("v1", "ConfigMap", "only-here", data={"a": "b"})
    there = [namespace(), claim(spec={"volumeName": "pvc-1"}), deployment(replicas=7), cronjob(), of_its_own, DEFAULT]
    for one in there:
        cluster.put(one)
    for kind, space, name in list(cluster.store):
        if name in without:
            del cluster.store[kind, space, name]
    return cluster


def bringing(cluster: FakeCluster, seen: Onto | None = None, **worker: Any) -> Bringing:
    chosen = Worker(**{"image": IMAGE, "region": "eu-central-1"} | worker)
    return Bringing(cluster=cluster, onto=seen or look(cluster, recipe(), RUN), worker=chosen, seed=RUN, say=lambda _: None)


def bring(cluster: FakeCluster, **worker: Any) -> str:
    return bringing(cluster, **worker).perform(Deadline.after(5))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relight.recovery.bringing.WELL_SECONDS", 0.3)
    monkeypatch.setattr("relight.recovery.bringing.unwell", lambda *_: [])


def fates(seen: Onto) -> dict[str, Fate]:
    told = zip(seen.objects, seen.foreseen.told, strict=True)
    return {f"{item.identity.kind}/{item.identity.name}": one.fate for item, one in told}


# ---------------------------------------------------------------- shown
def test_a_look_tells_what_would_become_of_everything_and_changes_nothing() -> None:
    cluster = primary()
    before = cluster.versions
    seen = look(cluster, recipe([*shop(), ROLE]), RUN)
    assert cluster.versions == before and cluster.applied == []
    found = fates(seen)
    assert found["PersistentVolumeClaim/ledger"] is Fate.SKIPPED, "a claim that is there keeps its volume"
    assert found["Namespace/shop"] is Fate.SKIPPED and found["ClusterRole/shop-reads"] is Fate.CREATED
    assert found["Deployment/web"] is Fate.CREATED and found["Secret/credentials"] is Fate.UNCHANGED
    assert not [name for name in found if "relight-" in name], "neither the quarantine nor a runner's volume"
    assert (seen.stops, seen.troubles) == (("CronJob nightly", "Deployment web"), ())
    assert [one.claim for one in seen.claims] == ["ledger"]


def test_what_belongs_to_the_whole_cluster_is_left_as_it_is() -> None:
    cluster = primary()
    cluster.put(ROLE | {"rules": []})
    assert fates(look(cluster, recipe([*shop(), ROLE]), RUN))["ClusterRole/shop-reads"] is Fate.SKIPPED


def test_the_code_stands_for_backup_cluster_and_claims_however_far_it_has_come() -> None:
    cluster = primary()
    code = look(cluster, recipe(), RUN).code
    bring(cluster)
    assert look(cluster, recipe(), RUN).code == code
    assert look(cluster, recipe(), "run-2").code != code
    cluster.put(obj("v1", "Namespace", "kube-system", None, metadata={"uid": "another"}))
    assert look(cluster, recipe(), RUN).code != code


def test_a_claim_that_is_missing_is_made_of_the_default_class_or_stands_in_the_way() -> None:
    cluster = primary(None, "ledger")
    seen = look(cluster, recipe(), RUN)
    assert seen.troubles == ()
    bring(cluster)
    made_anew = cluster.one("PersistentVolumeClaim", "ledger")
    assert not {"storageClassName", "volumeName"} & made_anew["spec"].keys()
    assert made_anew["metadata"]["annotations"][WRITTEN] == DIGEST
    (trouble,) = look(primary(None, "ledger", "fast"), recipe(), RUN).troubles
    assert trouble == "claim ledger is not there, and no storage class is the default: make the claim first"


@pytest.mark.parametrize("owner", [{}, {"ownerReferences": [{"kind": "DaemonSet", "name": "agent"}]}])
def test_a_claim_that_something_else_writes_to_stands_in_the_way(owner: Object) -> None:
    cluster = primary()
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "ledger"}}]
    shell = obj(
        "v1", "Pod", "shell", spec={"containers": [], "volumes": volumes}, status={"phase": "Running"}, metadata=owner
    )
    cluster.put(shell)
    assert "claim ledger is in use by pod shell" in look(cluster, recipe(), RUN).troubles[0]
    seen = bringing(cluster)
    with pytest.raises(FailbackStopped, match="in use by pod shell"):
        seen.perform(Deadline.after(5))
    assert made(cluster) == [] and cluster.one("Deployment", "web")["spec"]["replicas"] == 0


# ---------------------------------------------------------------- brought
def test_the_app_is_stopped_while_its_claims_are_written_and_started_as_the_backup_says() -> None:
    cluster = primary()
    seen = made(cluster)
    at_work: list[Any] = []
    cluster.on_write = _noting(cluster, at_work, cluster.on_write)
    assert "1 claim(s) with 3 files" in bring(cluster)
    assert at_work == [(0, True)], "stopped while the Job wrote"
    assert (cluster.one("Deployment", "web")["spec"]["replicas"], cluster.one("CronJob", "nightly")["spec"]["suspend"]) == (
        2, False
    )  # fmt: skip
    assert BEFORE not in cluster.one("Deployment", "web")["metadata"].get("annotations", {})
    assert cluster.one("ConfigMap", "settings")["data"]["BUCKET"] == "s3://production"
    assert cluster.has("ConfigMap", "only-here") and not cluster.has("NetworkPolicy", "relight-quarantine")
    (container,) = seen[0]["spec"]["template"]["spec"]["containers"]
    assert " ".join(container["command"]).endswith(f"ledger --into /claims/ledger --metadata-sha256 {DIGEST}")


def _noting(cluster: FakeCluster, seen: list[Any], then: Any) -> Any:
    def on_write(where: FakeCluster, changed: Object) -> None:
        if changed["kind"] == "Job":
            web, nightly = cluster.one("Deployment", "web"), cluster.one("CronJob", "nightly")
            seen.append((web["spec"]["replicas"], nightly["spec"]["suspend"]))
        then(where, changed)

    return on_write


def test_a_second_time_changes_nothing() -> None:
    cluster = primary()
    bring(cluster)
    seen, before = made(cluster), cluster.one("Deployment", "web")["spec"]
    bring(cluster)
    assert seen == [], "a claim that has it is not written again: the app may have written to it since"
    assert cluster.one("Deployment", "web")["spec"] == before


def test_what_was_suspended_on_the_primary_stays_so_and_what_we_stopped_does_not() -> None:
    cluster = primary()
    cluster.put(cronjob() | {"spec": cronjob()["spec"] | {"suspend": True}})
    bring(cluster)
    assert cluster.one("CronJob", "nightly")["spec"]["suspend"] is True, "the promotion's fence: failback lifts it"
    killed = primary()
    freeze(killed, "shop", drain_seconds=1)
    bring(killed)
    assert killed.one("CronJob", "nightly")["spec"]["suspend"] is False


def test_a_claim_that_could_not_be_written_leaves_the_app_stopped_and_is_written_when_asked_again() -> None:
    cluster = primary(playing("Failed", 1, "DigestMismatch: state.tar.zst"))
    with pytest.raises(FailbackStopped, match=r"exit status 1; it last said: DigestMismatch"):
        bring(cluster)
    assert cluster.one("Deployment", "web")["spec"]["replicas"] == 0
    assert WRITTEN not in cluster.one("PersistentVolumeClaim", "ledger")["metadata"].get("annotations", {})
    for key in [one for one in cluster.store if one[0] == "Pod"]:
        del cluster.store[key]  # the cluster's garbage collection
    cluster.on_write = playing("Complete").on_write
    bring(cluster)
    assert cluster.one("Deployment", "web")["spec"]["replicas"] == 2 and jobs(cluster) == []


def test_a_claim_that_somebody_elses_restore_has_just_written_is_written() -> None:
    cluster = primary(playing("Failed", 1, "another process restores it"))
    play = cluster.on_write

    def faster(where: FakeCluster, changed: Object) -> None:
        play(where, changed)
        if changed["kind"] == "Job":
            cluster.one("PersistentVolumeClaim", "ledger")["metadata"]["annotations"] = {WRITTEN: DIGEST}

    cluster.on_write = faster
    assert "1 claim(s)" in bring(cluster)


def test_an_object_that_the_primary_refuses_is_named_and_nothing_is_started() -> None:
    cluster = primary()
    ready = bringing(cluster)
    cluster.failures["settings"] = [FailbackStopped("immutable")] * 20
    with pytest.raises(FailbackStopped, match="ConfigMap shop/settings"):
        ready.perform(Deadline.after(5))
    assert cluster.one("Deployment", "web")["spec"]["replicas"] == 0 and made(cluster) == []


def test_it_is_done_only_when_the_app_is_well_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relight.recovery.bringing.unwell", lambda *_: ["Deployment web: 0 of 2 available"])
    with pytest.raises(FailbackStopped, match="not well there: Deployment web"):
        bring(primary())


def test_the_apps_own_hooks_after_a_restore_run_there_too() -> None:
    load = Hook(name="load", when="after_restore", image=IMAGE, command=("pg_restore",), deadline=2)
    cluster = primary(playing("Failed", 1, "no such table"))
    seen = look(cluster, recipe(app=app(hooks=(load,))), RUN)
    for one in seen.claims:
        cluster.one("PersistentVolumeClaim", one.claim)["metadata"]["annotations"] = {WRITTEN: DIGEST}
    with pytest.raises(HookFailed, match="no such table"):
        bringing(cluster, look(cluster, recipe(app=app(hooks=(load,))), RUN)).perform(Deadline.after(5))


@pytest.mark.parametrize(
    ("user", "context", "capabilities"),
    [
        (None, {"runAsUser": 0}, {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"]}),
        (Reader(user=7, group=8), {"runAsUser": 7, "runAsGroup": 8, "fsGroup": 8}, {"drop": ["ALL"]}),
    ],
)
def test_the_pod_that_writes_has_no_more_rights_than_it_needs(user: Any, context: Object, capabilities: Object) -> None:
    cluster = primary()
    seen = made(cluster)
    bring(cluster, user=user, secret="writer", account="relight-backup")
    spec = seen[0]["spec"]["template"]["spec"]
    assert spec["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}} | context
    assert spec["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": capabilities}
    assert (spec["automountServiceAccountToken"], spec["serviceAccountName"]) == (False, "relight-backup")
