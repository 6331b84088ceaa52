"""A backup from an older cluster: what a current one still takes, and what a person has to convert."""

import pytest

from relight.recovery.cluster import Object
from relight.recovery.transforms import Action
from relight.recovery.versions import REMOVED, SUCCESSORS
from tests.recovery.forms import released_form, restored
from tests.recovery.shop import IMAGE, cronjob, deployment, obj, pod

SELECTOR = {"matchLabels": {"app": "web"}}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": pod(IMAGE)}


@pytest.mark.parametrize(
    ("old", "becomes"),
    [
        (cronjob(image=IMAGE) | {"apiVersion": "batch/v1beta1"}, "batch/v1"),
        (obj("policy/v1beta1", "PodDisruptionBudget", "web", spec={"selector": SELECTOR, "minAvailable": 1}), "policy/v1"),
        (obj("autoscaling/v2beta2", "HorizontalPodAutoscaler", "web", spec={"maxReplicas": 3}), "autoscaling/v2"),
        (deployment(image=IMAGE, selector=SELECTOR) | {"apiVersion": "extensions/v1beta1"}, "apps/v1"),
        (obj("rbac.authorization.k8s.io/v1beta1", "Role", "reader", rules=[]), "rbac.authorization.k8s.io/v1"),
        (obj("extensions/v1beta1", "NetworkPolicy", "web", spec={"podSelector": {}}), "networking.k8s.io/v1"),
    ],
)
def test_an_old_version_is_restored_as_its_successor_of_the_same_schema(old: Object, becomes: str) -> None:
    item = restored(old)[f"{old['kind']}/{old['metadata']['name']}"]
    assert released_form(item)["apiVersion"] == becomes and item.identity.group == becomes.split("/")[0]
    assert f"{old['apiVersion']} to {becomes}" in item.transforms
    assert {key: released_form(item)[key] for key in old.keys() - {"apiVersion", "metadata", "spec"}}.items() <= old.items()


@pytest.mark.parametrize(
    ("old", "why"),
    [
        (obj("networking.k8s.io/v1beta1", "Ingress", "web", spec={"backend": {}}), "names its backends"),
        (obj("extensions/v1beta1", "Ingress", "web", spec={"backend": {}}), "names its backends"),
        (obj("autoscaling/v2beta1", "HorizontalPodAutoscaler", "web", spec={}), "writes its targets differently"),
        (obj("policy/v1beta1", "PodSecurityPolicy", "strict", None, spec={}), "Pod Security admission"),
        (obj("policy/v1beta1", "PodDisruptionBudget", "all", spec={"selector": {}}), "policy/v1 needs spec.selector"),
        (obj("apps/v1beta1", "Deployment", "web", spec={"template": TEMPLATE}), "apps/v1 needs spec.selector"),
        (
            obj("apps/v1beta1", "StatefulSet", "db", spec={"selector": SELECTOR, "template": TEMPLATE}),
            "apps/v1 needs spec.updateStrategy",
        ),
        (
            obj(
                "apps/v1beta1",
                "Deployment",
                "web",
                spec={"selector": SELECTOR, "template": TEMPLATE, "rollbackTo": {"r": 1}},
            ),
            "apps/v1 has no spec.rollbackTo",
        ),
        (obj("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "w.example.com", None, spec={}), "schema for each"),
    ],
)
def test_a_version_without_such_a_successor_is_refused_by_name_with_what_to_do(old: Object, why: str) -> None:
    item = restored(old)[f"{old['kind']}/{old['metadata']['name']}"]
    assert item.action == Action.REFUSE and item.object is None
    assert f"{old['apiVersion']} {old['kind']} is no longer served" in item.reason
    assert why in item.reason and "convert it" in item.reason


def test_the_same_object_in_an_old_and_a_new_version_is_one_object() -> None:
    old = cronjob(image=IMAGE) | {"apiVersion": "batch/v1beta1"}
    (again,) = [item for name, item in restored(old).items() if name == "CronJob/nightly"]
    assert again.released_sha256 == restored(cronjob(image=IMAGE))["CronJob/nightly"].released_sha256


def test_no_version_is_both_converted_and_refused_and_none_leads_to_an_old_one() -> None:
    assert not SUCCESSORS.keys() & REMOVED.keys()
    old = {version for version, _ in SUCCESSORS.keys() | REMOVED.keys()}
    assert not {row.api_version for row in SUCCESSORS.values()} & old
