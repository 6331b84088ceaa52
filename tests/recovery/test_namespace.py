"""Restoring into another namespace: what names the old one exactly follows, and nothing else is touched."""

import pytest

from relight.recovery.cluster import Object
from relight.recovery.prepare import PlannedObject
from tests.recovery.forms import released_form, restored
from tests.recovery.shop import IMAGE, deployment, load_balancer, obj

RBAC = "rbac.authorization.k8s.io/v1"


def moved(*objects: Object) -> dict[str, PlannedObject]:
    return restored(*objects, namespace="rehearsal")


def seen(value: str) -> str:
    web = deployment(image=IMAGE)
    web["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "URL", "value": value}]
    made = released_form(moved(load_balancer("api"), web)["Deployment/web"])
    return str(made["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("api.shop", "api.rehearsal"),
        ("http://api.shop.svc:8080/x", "http://api.rehearsal.svc:8080/x"),
        ("postgres://u:p@api.shop.svc.cluster.local/db", "postgres://u:p@api.rehearsal.svc.cluster.local/db"),
        ("api.shop:9092,api.shop.svc:9092", "api.rehearsal:9092,api.rehearsal.svc:9092"),
    ],
)
def test_the_dns_name_of_a_restored_service_follows(before: str, after: str) -> None:
    assert seen(before) == after


@pytest.mark.parametrize(
    "value",
    [
        "web.shop",  # no Service of the backup
        "api.shop.example.com",
        "https://www.api.shop/",
        "my-api.shop",
        "api.shopping",
        "/etc/api.shop",
        "the api.shop-window",
        "shop",
    ],
)
def test_what_only_looks_like_one_is_left_alone(value: str) -> None:
    assert seen(value) == value


def test_without_another_namespace_nothing_is_rewritten_or_noted() -> None:
    item = restored(obj("v1", "ConfigMap", "c", data={}))["ConfigMap/c"]
    assert item.transforms == ()


@pytest.mark.parametrize(
    ("subject", "becomes"),
    [
        ({"kind": "ServiceAccount", "name": "web", "namespace": "shop"}, {"namespace": "rehearsal", "name": "web"}),
        ({"kind": "ServiceAccount", "name": "shop", "namespace": "other"}, {"namespace": "other", "name": "shop"}),
        ({"kind": "User", "name": "system:serviceaccount:shop:web"}, {"name": "system:serviceaccount:rehearsal:web"}),
        ({"kind": "Group", "name": "system:serviceaccounts:shop"}, {"name": "system:serviceaccounts:rehearsal"}),
        ({"kind": "Group", "name": "system:serviceaccounts:shopping"}, {"name": "system:serviceaccounts:shopping"}),
        ({"kind": "User", "name": "shop"}, {"name": "shop"}),
    ],
)
def test_who_a_binding_means_follows(subject: Object, becomes: Object) -> None:
    binding = obj(
        RBAC, "ClusterRoleBinding", "reads", None, subjects=[subject], roleRef={"kind": "ClusterRole", "name": "r"}
    )
    (found,) = released_form(moved(binding)["ClusterRoleBinding/reads"])["subjects"]
    assert becomes.items() <= found.items()


def test_webhooks_conversions_and_selectors_of_namespaces_follow() -> None:
    service = {"service": {"name": "hook", "namespace": "shop"}}
    by_name = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}
    hook = obj(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "hook",
        None,
        webhooks=[{"name": "h", "clientConfig": service, **by_name}],
    )
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": service}}
    crd = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "w", None, spec={"conversion": conversion})
    values = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop", "dns"]}]}
    policy = obj("networking.k8s.io/v1", "NetworkPolicy", "n", spec={"ingress": [{"from": [{"namespaceSelector": values}]}]})
    found = moved(hook, crd, policy)
    (webhook,) = released_form(found["ValidatingWebhookConfiguration/hook"])["webhooks"]
    assert webhook["clientConfig"]["service"]["namespace"] == "rehearsal"
    assert webhook["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "rehearsal"}
    converts = released_form(found["CustomResourceDefinition/w"])["spec"]["conversion"]["webhook"]
    assert converts["clientConfig"]["service"]["namespace"] == "rehearsal"
    (rule,) = released_form(found["NetworkPolicy/n"])["spec"]["ingress"]
    assert rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["rehearsal", "dns"]
