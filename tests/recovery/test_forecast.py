"""What will become of each object, told from the backup alone, and held against what then happened."""

import json

import pytest

from relight.errors import ClusterNotReady, ClusterRefused
from relight.recovery.cluster import Object
from relight.recovery.dryrun import dry_run
from relight.recovery.forecast import Forecast, forecast
from relight.recovery.plan import PlanBundle
from relight.recovery.references import REFERRED
from relight.recovery.standing import Existing
from relight.recovery.target import EMPTY, inspect
from tests.recovery.fake import FakeCluster
from tests.recovery.restoring import restore, row
from tests.recovery.shop import IMAGE, app, backup, cronjob, deployment, obj, plan, pod, recipe, rows, secret, shop

CRD_SPEC = {
    "group": "example.com",
    "scope": "Namespaced",
    "names": {"kind": "Widget", "plural": "widgets"},
    "versions": [{"name": "v1", "served": True, "storage": True}, {"name": "v1alpha1", "served": False}],
}
CRD = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com", None, spec=CRD_SPEC)


def told(bundle: PlanBundle, name: str) -> tuple[str, str]:
    (found,) = [row for row in rows(bundle) if row["name"] == name]
    return found["fate"], found["because"]


def findings(*more: Object) -> list[str]:
    return [str(one) for one in plan(recipe([*shop(), secret("tls"), *more])).forecast.findings]


def with_pod(kind: str = "Deployment", **spec: object) -> Object:
    web = deployment("extra", IMAGE) | {"kind": kind}
    web["spec"]["template"]["spec"] = pod(IMAGE) | spec
    return web


# ---------------------------------------------------------------- fates
def test_the_plan_tells_the_fate_of_every_object_on_an_empty_runner() -> None:
    bundle = plan(recipe([*shop(), obj("v1", "Event", "old"), obj("extensions/v1beta1", "Ingress", "web", spec={})]))
    assert told(bundle, "credentials") == ("created", "") and told(bundle, "nightly") == ("transformed", "")
    assert told(bundle, "old")[0] == "skipped"
    (ingress,) = [row for row in rows(bundle) if row["kind"] == "Ingress"]
    assert ingress["fate"] == "refused" and "no longer served" in ingress["reason"]
    fates = bundle.document["forecast"]["fates"]
    assert sum(fates.values()) == len(rows(bundle)) and fates["refused"] == 1


def test_a_custom_resource_without_its_definition_will_fail_and_says_what_is_missing() -> None:
    widget = obj("example.com/v1", "Widget", "one", spec={})
    fate, because = told(plan(recipe([*shop(), widget])), "one")
    assert fate == "failed" and "nothing serves example.com/v1 Widget: its CRD is neither there nor in the backup" in because
    assert told(plan(recipe([*shop(), widget, CRD])), "one") == ("created", "")


@pytest.mark.parametrize(
    ("version", "kind", "says"),
    [
        ("policy/v1", "PodSecurityPolicy", "the target serves policy/v1 without a kind PodSecurityPolicy"),
        ("autoscaling/v3", "HorizontalPodAutoscaler", "as autoscaling/v1, autoscaling/v2, not as autoscaling/v3"),
        ("v1", "Toaster", "the target serves v1 without a kind Toaster: it was removed there, or is of another release"),
    ],
)
def test_a_kind_that_a_served_group_does_not_have_will_fail_and_says_so(version: str, kind: str, says: str) -> None:
    fate, because = told(plan(recipe([*shop(), obj(version, kind, "old", spec={})])), "old")
    assert fate == "failed" and says in because


def test_a_version_that_its_definition_does_not_serve_will_fail() -> None:
    old = obj("example.com/v1alpha1", "Widget", "one", spec={})
    assert told(plan(recipe([*shop(), CRD, old])), "one") == ("failed", "its CRD serves v1, not example.com/v1alpha1")


def test_what_was_foretold_is_what_happens_and_the_ledger_says_so() -> None:
    lost = obj("example.com/v1", "Widget", "one", spec={})
    bundle, cluster = plan(recipe([*shop(), lost, obj("v1", "Event", "old")])), FakeCluster()
    cluster.failures["one"] = [ClusterNotReady("the cluster does not serve example.com/v1 Widget")] * 9
    ledger = restore(cluster, bundle)
    assert (
        ledger.surprises == () and ledger.score == f"{len(ledger.rows)} of {len(ledger.rows)} objects as predicted (100 %)"
    )
    assert json.loads(ledger.dump().splitlines()[0])["predicted"] == "created"


def test_what_came_otherwise_is_named() -> None:
    cluster = FakeCluster()
    cluster.failures["web"] = [ClusterRefused("spec.selector: required")]
    ledger = restore(cluster)
    (surprise,) = ledger.surprises
    assert str(surprise).startswith("Deployment.apps shop/web: failed, predicted transformed: ClusterRefused")
    assert "(9" in ledger.score or "(8" in ledger.score


def test_a_second_restore_is_no_surprise() -> None:
    cluster = FakeCluster()
    restore(cluster)
    assert restore(cluster).surprises == ()


# ---------------------------------------------------------------- findings
def test_the_shop_gives_no_cause_for_concern() -> None:
    assert findings() == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (with_pod(serviceAccountName="robot"), "needs ServiceAccount shop/robot, which is neither in the backup nor there"),
        (with_pod(priorityClassName="urgent"), "needs PriorityClass.scheduling.k8s.io urgent, which is neither"),
        (with_pod(runtimeClassName="gvisor"), "needs RuntimeClass.node.k8s.io gvisor, which is neither"),
        (with_pod(volumes=[{"name": "v", "secret": {"secretName": "gone"}}]), "needs Secret shop/gone, which is neither"),
        (
            obj("networking.k8s.io/v1", "Ingress", "web", spec={"ingressClassName": "nginx"}),
            "Ingress.networking.k8s.io shop/web needs IngressClass.networking.k8s.io nginx",
        ),
        (
            obj("apps/v1", "StatefulSet", "db", spec={"volumeClaimTemplates": [{"spec": {"storageClassName": "gp3"}}]}),
            "needs StorageClass.storage.k8s.io gp3",
        ),
        (with_pod(nodeSelector={"kubernetes.io/arch": "amd64"}), "is for amd64 nodes; the runner is arm64"),
        (
            with_pod(containers=[{"name": "m", "image": f"amd64/{IMAGE.rpartition('/')[2]}"}]),
            "runs image amd64/shop@sha256:" + "a" * 64 + "; the runner is arm64",
        ),
        (
            with_pod(containers=[{"name": "m", "image": IMAGE, "resources": {"requests": {"memory": "4Gi"}}}]),
            "memory: m7g.large has 8192 MiB; the pods ask for 8192 MiB and the runner itself needs 1024",
        ),
    ],
)
def test_what_may_keep_the_app_from_working_is_told_before_anything_is_launched(more: Object, says: str) -> None:
    assert [line for line in findings(more) if says in line], findings(more)


def test_a_reference_to_what_is_refused_says_why_it_will_not_be_there() -> None:
    token = secret("token") | {"type": "kubernetes.io/service-account-token"}
    user = with_pod(volumes=[{"name": "v", "secret": {"secretName": "token"}}])
    (line,) = findings(token, user)
    assert "needs Secret shop/token, which is not restored: a service account's token" in line


def test_what_is_optional_or_every_clusters_own_is_no_concern() -> None:
    optional = {"name": "v", "secret": {"secretName": "gone", "optional": True}}
    own = {"name": "c", "configMap": {"name": "kube-root-ca.crt"}}
    assert findings(with_pod(volumes=[optional, own], priorityClassName="system-node-critical")) == []


ISSUER = {
    "object": "Ingress.networking.k8s.io shop/web",
    "needs": "ClusterIssuer.cert-manager.io mine",
    "reason": "cannot be read: clusterissuers is forbidden",
}


@pytest.mark.parametrize("nested", [False, True])
def test_what_the_backup_could_not_take_is_told_with_what_to_do(nested: bool) -> None:
    said = {"unresolved": [ISSUER], "left_out": ["volumes/shop/ledger/app.sock"]}
    made_of = recipe([*shop(), secret("tls")], backup=backup(**({"extra": said} if nested else said)))
    lacking, left_out = (str(one) for one in plan(made_of).forecast.findings)
    assert f"{ISSUER['object']} needs {ISSUER['needs']}, which is not in the backup ({ISSUER['reason']})" in lacking
    assert "let the backup get it" in lacking
    assert "app.sock is not in the backup" in left_out


def test_what_stands_where_it_is_restored_is_not_lacking() -> None:
    bundle = plan(recipe([*shop(), secret("tls")], backup=backup(unresolved=[ISSUER])))
    cluster = FakeCluster()
    kinds = {(bundle.backup.unresolved[0].who.group, bundle.backup.unresolved[0].who.kind)}
    found = [forecast(bundle.objects, inspect(cluster, "theirs", bundle.objects, kinds), Existing.UPDATE, (), bundle.backup)]
    definition = {"group": "cert-manager.io", "names": {"kind": "ClusterIssuer"}, "scope": "Cluster"}
    cluster.put(
        obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "clusterissuers.cert-manager.io", None, spec=definition)
    )
    cluster.put(obj("cert-manager.io/v1", "ClusterIssuer", "mine", None, spec={}))
    found += [
        forecast(bundle.objects, inspect(cluster, "theirs", bundle.objects, kinds), Existing.UPDATE, (), bundle.backup)
    ]
    assert [any("ClusterIssuer" in str(one) for one in each.findings) for each in found] == [True, False]


# ---------------------------------------------------------------- against a cluster that stands
def against(cluster: FakeCluster, bundle: PlanBundle, existing: str = "update", server: bool = False) -> Forecast:
    target = inspect(cluster, "theirs", bundle.objects, set(REFERRED))
    found = forecast(bundle.objects, target, Existing(existing))
    return dry_run(cluster, bundle.objects, target, found) if server else found


def fate_of(found: Forecast, bundle: PlanBundle, name: str) -> str:
    (one,) = [one for item, one in zip(bundle.objects, found.told, strict=True) if item.identity.name == name]
    return one.fate


@pytest.mark.parametrize("existing", ["update", "keep", "fail"])
def test_what_stands_in_the_way_is_told_as_the_restore_will_treat_it(existing: str) -> None:
    cluster, bundle = FakeCluster(), plan(recipe(app=app(existing=existing)))
    cluster.put(obj("v1", "ConfigMap", "settings", data={"BUCKET": "s3://theirs"}))
    found = against(cluster, bundle, existing)
    assert not cluster.applied
    ledger = restore(cluster, bundle)
    assert [one.fate for one in found.told] == [row.fate for row in ledger.rows]


def test_the_servers_own_answer_corrects_the_forecast_and_stores_nothing() -> None:
    cluster, bundle = FakeCluster(), plan()
    restore(cluster, bundle)
    cluster.delete("apps/v1", "Deployment", "shop", "web")
    versions = cluster.versions
    found = against(cluster, bundle, server=True)
    assert cluster.versions == versions and not cluster.has("Deployment", "web")
    assert fate_of(found, bundle, "credentials") == "unchanged" and fate_of(found, bundle, "web") == "transformed"
    cluster.put(obj("v1", "ConfigMap", "settings", data={"BUCKET": "s3://theirs"}))
    assert fate_of(against(cluster, bundle, server=True), bundle, "settings") == "transformed"


def test_what_the_server_refuses_will_fail_with_its_words() -> None:
    class Strict(FakeCluster):
        def apply(self, obj: Object, **options: object) -> Object:
            if obj["kind"] == "Deployment":
                raise ClusterRefused("spec.selector: required")
            return super().apply(obj, **options)  # type: ignore[arg-type]

    cluster, bundle = Strict(), plan()
    cluster.put(obj("v1", "Namespace", "shop", None))
    found = against(cluster, bundle, server=True)
    (one,) = [one for item, one in zip(bundle.objects, found.told, strict=True) if item.identity.name == "web"]
    assert (one.fate, one.because) == ("failed", "spec.selector: required")
    ledger = restore(cluster, bundle)
    assert row(ledger, "web").fate == "failed"


def test_an_empty_runner_serves_no_old_version() -> None:
    assert not [version for version, _ in EMPTY.served if "beta" in version or "alpha" in version]


def test_a_job_is_not_foretold_to_run_beside_the_others() -> None:
    big = cronjob("big", IMAGE)
    big["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"memory": "5Gi"}}
    assert findings(big, big | {"metadata": {"name": "big-2", "namespace": "shop"}}) == []
