"""What the server adds to what it is given."""

from tests.cluster.kube import Kube, deployment
from tests.support import eventually


def test_plain_secret_text_is_stored_encoded(kube: Kube, namespace: str) -> None:
    meta = {"name": "key", "namespace": namespace}
    made = kube.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"token": "abc"}})
    assert made["data"] == {"token": "YWJj"} and made["type"] == "Opaque" and "stringData" not in made


def test_each_namespace_has_its_default_account(kube: Kube, namespace: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}
    eventually(lambda: not kube.gone(account), "the default service account")


def test_what_a_manifest_does_not_say_is_filled_in(kube: Kube, namespace: str) -> None:
    """So that an object read back from one cluster is the same as the one applied to another."""
    body = deployment(namespace, "web", replicas=0, image="busybox", readinessProbe={"httpGet": {"port": 80}})
    body["spec"]["template"]["spec"] |= {
        "serviceAccountName": "default",
        "volumes": [{"name": "me", "downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}}],
    }
    spec = kube.create(body)["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    template = spec["template"]["spec"]
    assert template["containers"][0]["imagePullPolicy"] == "Always", "no tag: the image may have changed"
    assert template["containers"][0]["readinessProbe"]["httpGet"] == {"port": 80, "path": "/", "scheme": "HTTP"}
    assert template["serviceAccount"] == "default"
    field = {"apiVersion": "v1", "fieldPath": "metadata.name"}
    assert template["volumes"][0]["downwardAPI"] == {"defaultMode": 420, "items": [{"path": "a", "fieldRef": field}]}
    body["metadata"]["name"] = "other"
    body["spec"]["strategy"] = {"type": "Recreate"}
    assert kube.create(body)["spec"]["strategy"] == {"type": "Recreate"}
