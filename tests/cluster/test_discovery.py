"""What a client learns before its first object: health, version, and which kinds there are."""

import pytest
from kubernetes.dynamic.exceptions import NotFoundError, ResourceNotFoundError, ServiceUnavailableError

from tests.cluster.kube import Kube
from tests.support import eventually

# Every kind that the order of a restore names.
NEEDED = {
    "v1": "Namespace ConfigMap Secret Service ServiceAccount Pod PersistentVolume PersistentVolumeClaim"
    " Event Endpoints Node LimitRange ResourceQuota",
    "apps/v1": "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision",
    "batch/v1": "Job CronJob",
    "networking.k8s.io/v1": "NetworkPolicy Ingress IngressClass",
    "rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "storage.k8s.io/v1": "StorageClass",
    "scheduling.k8s.io/v1": "PriorityClass",
    "policy/v1": "PodDisruptionBudget",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    "coordination.k8s.io/v1": "Lease",
}


@pytest.mark.parametrize("path", ["/readyz", "/livez", "/healthz"])
def test_the_cluster_says_that_it_is_well(kube: Kube, path: str) -> None:
    assert kube.call("get", path) == "ok"


def test_the_version_is_a_kubernetes_version(kube: Kube) -> None:
    version = kube.call("get", "/version")
    assert version["gitVersion"].startswith("v1.") and version["major"] == "1"


@pytest.mark.parametrize("api_version", NEEDED)
def test_every_kind_a_restore_may_meet_is_served(kube: Kube, api_version: str) -> None:
    for kind in NEEDED[api_version].split():
        assert kube.kind(kind, api_version).kind == kind


def test_a_kind_that_is_not_served_is_not_found(kube: Kube) -> None:
    with pytest.raises(ResourceNotFoundError):
        kube.kind("Unheard", "example.org/v1")
    with pytest.raises(NotFoundError):
        kube.call("get", "/apis/example.org/v1/unheards")


def test_an_api_whose_service_is_not_there_is_listed_and_does_not_answer(kube: Kube) -> None:
    spec = {"group": "dead.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100}
    spec |= {"service": {"namespace": "default", "name": "nobody"}, "insecureSkipTLSVerify": True}
    made = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.dead.example.com"}}
    kube.create(made | {"spec": spec})
    try:
        listed = lambda: "dead.example.com" in [one["name"] for one in kube.call("get", "/apis")["groups"]]  # noqa: E731
        eventually(listed, "the API is listed")
        for path in ("/apis/dead.example.com/v1", "/apis/dead.example.com/v1/namespaces/default/orders"):
            with pytest.raises(ServiceUnavailableError):
                kube.call("get", path)
    finally:
        kube.delete(made)
