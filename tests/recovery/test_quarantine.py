"""Quarantine: what could act on the world outside is held back until the restore is released."""

import pytest

from relight.config import Quarantine
from relight.errors import PreflightFailed
from relight.recovery.prepare import prepare
from relight.recovery.transforms import Action
from tests.recovery.forms import quarantined_form, released_form, restored
from tests.recovery.shop import (
    DIGEST,
    app,
    config,
    cronjob,
    deployment,
    load_balancer,
    obj,
    recipe,
    shop,
)


def test_a_cronjob_is_suspended_until_it_is_released() -> None:
    item = restored(cronjob())["CronJob/nightly"]
    assert quarantined_form(item)["spec"]["suspend"] is True
    assert "suspend" not in released_form(item)["spec"]
    assert item.action == Action.TRANSFORM and "quarantine: suspended" in item.transforms


def test_a_cronjob_that_was_suspended_stays_so_after_release() -> None:
    asleep = cronjob()
    asleep["spec"]["suspend"] = True
    assert released_form(restored(asleep)["CronJob/nightly"])["spec"]["suspend"] is True


def test_a_load_balancer_becomes_a_cluster_ip_and_comes_back() -> None:
    item = restored(load_balancer())["Service/public"]
    assert quarantined_form(item)["spec"] == {"type": "ClusterIP", "ports": [{"port": 443}]}
    assert released_form(item)["spec"]["type"] == "LoadBalancer"
    assert "clusterIP" not in released_form(item)["spec"]


def test_a_headless_service_stays_headless() -> None:
    headless = obj("v1", "Service", "peers", spec={"clusterIP": "None", "clusterIPs": ["None"]})
    assert released_form(restored(headless)["Service/peers"])["spec"] == {"clusterIP": "None"}


@pytest.mark.parametrize("image", ["registry.k8s.io/external-dns/external-dns", "aws/aws-load-balancer-controller"])
def test_a_controller_that_acts_on_dns_or_load_balancers_waits_at_zero_replicas(image: str) -> None:
    item = restored(deployment("outside", f"{image}@{DIGEST}"))["Deployment/outside"]
    assert quarantined_form(item)["spec"]["replicas"] == 0
    assert released_form(item)["spec"]["replicas"] == 2


def test_such_a_controller_on_every_node_is_left_out_until_promotion() -> None:
    agent = deployment("outside", f"registry.example/cloud-controller-manager@{DIGEST}") | {"kind": "DaemonSet"}
    item = restored(agent)["DaemonSet/outside"]
    assert item.action == Action.SKIP and item.object is None and item.released is not None


def test_admission_webhooks_are_left_out_until_promotion() -> None:
    hook = obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "guard", None, webhooks=[])
    item = restored(hook)["ValidatingWebhookConfiguration/guard"]
    assert item.action == Action.SKIP and item.object is None
    assert released_form(item)["metadata"]["name"] == "guard"
    assert "until promotion" in item.reason


def test_nothing_leaves_but_what_the_app_declares() -> None:
    item = restored(*shop(), app=app())["NetworkPolicy/relight-quarantine"]
    spec = quarantined_form(item)["spec"]
    assert spec["podSelector"] == {} and spec["policyTypes"] == ["Egress"]
    blocks = [to["ipBlock"]["cidr"] for rule in spec["egress"] for to in rule["to"] if "ipBlock" in to]
    assert blocks == ["10.1.0.0/16"]
    assert item.released is None


def test_without_exceptions_no_address_outside_is_allowed() -> None:
    spec = quarantined_form(restored()["NetworkPolicy/relight-quarantine"])["spec"]
    assert not [to for rule in spec["egress"] for to in rule.get("to", [{}]) if "ipBlock" in to or not to]


def test_the_apps_own_policies_cannot_open_the_quarantine() -> None:
    rules = {"podSelector": {}, "ingress": [{}], "egress": [{}], "policyTypes": ["Ingress", "Egress"]}
    both = obj("networking.k8s.io/v1", "NetworkPolicy", "both", spec=rules)
    out = obj(
        "networking.k8s.io/v1", "NetworkPolicy", "out", spec={"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]}
    )
    found = restored(both, out)
    assert quarantined_form(found["NetworkPolicy/both"])["spec"] == {
        "podSelector": {},
        "ingress": [{}],
        "policyTypes": ["Ingress"],
    }
    assert found["NetworkPolicy/out"].object is None
    assert released_form(found["NetworkPolicy/both"])["spec"] == rules


def test_a_config_value_is_replaced_and_its_readers_restart_when_it_is_released() -> None:
    found = restored(*shop(), app=app())
    assert quarantined_form(found["ConfigMap/settings"])["data"] == {"BUCKET": "s3://rehearsal", "MODE": "daily"}
    assert released_form(found["ConfigMap/settings"])["data"]["BUCKET"] == "s3://production"
    web = found["Deployment/web"]
    assert quarantined_form(web)["spec"]["template"]["metadata"]["annotations"] == {"relight.dev/quarantined": "true"}
    assert "annotations" not in released_form(web)["spec"]["template"]["metadata"]


def test_an_immutable_config_map_can_still_be_released() -> None:
    frozen = config() | {"immutable": True}
    item = restored(frozen, app=app())["ConfigMap/settings"]
    assert "immutable" not in quarantined_form(item) and released_form(item)["immutable"] is True


def test_a_quarantine_that_names_a_missing_config_map_stops_the_plan() -> None:
    with pytest.raises(PreflightFailed, match=r"setings.*could act on production"):
        prepare(recipe(app=app(quarantine=Quarantine(config={"setings": {"BUCKET": "x"}}))))


def test_pods_on_the_hosts_network_are_taken_off_it() -> None:
    open_pod = deployment()
    open_pod["spec"]["template"]["spec"]["hostNetwork"] = True
    item = restored(open_pod)["Deployment/web"]
    assert "hostNetwork" not in quarantined_form(item)["spec"]["template"]["spec"]
    assert released_form(item)["spec"]["template"]["spec"]["hostNetwork"] is True
