"""A pod's token may do what is bound to its ServiceAccount, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.kube import PYTHON, Kube, pod
from tests.support import eventually

Obj = dict[str, Any]
RBAC = "rbac.authorization.k8s.io/v1"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
TRUST = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
ASK = f"""
import json, os, ssl, sys, urllib.error, urllib.request
at = f"https://{{os.environ['KUBERNETES_SERVICE_HOST']}}:{{os.environ['KUBERNETES_SERVICE_PORT']}}"
headers = {{"Authorization": "Bearer " + open("{ACCOUNT}/token").read()}}
context = ssl.create_default_context(cafile="{ACCOUNT}/ca.crt")
for path in sys.argv[1:]:
    try:
        with urllib.request.urlopen(urllib.request.Request(at + path, headers=headers), context=context) as answer:
            print(path, answer.status)
    except urllib.error.HTTPError as error:
        print(path, error.code, json.load(error)["message"])
"""
Asked = Callable[..., str]


@pytest.fixture
def asked(kube: Kube, namespace: str, needs_nodes: None) -> Asked:
    """Asks from within a pod; what each path was answered."""

    def ask(*paths: str) -> str:
        mount = {"volumeMounts": [{"name": "account", "mountPath": ACCOUNT}]}
        volumes = [{"name": "account", "projected": {"sources": [TOKEN, TRUST]}}]
        made = pod(namespace, "asker", "", image=PYTHON, volumes=volumes, **mount)
        made["spec"]["containers"][0]["command"] = ["python3", "-c", ASK, *paths]
        kube.create(made)
        eventually(lambda: kube.get(made)["status"].get("phase") in ("Succeeded", "Failed"), "it has asked", 60)
        return kube.log(made)

    return ask


def bind(kube: Kube, namespace: str, kind: str, *rules: Obj) -> None:
    meta = {"name": "reader"} | ({"namespace": namespace} if kind == "Role" else {})
    reference = {"apiGroup": RBAC.partition("/")[0], "kind": kind, "name": "reader"}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    kube.create({"apiVersion": RBAC, "kind": kind, "metadata": meta, "rules": list(rules)})
    binding = {"apiVersion": RBAC, "kind": f"{kind}Binding", "metadata": meta, "roleRef": reference, "subjects": subjects}
    kube.create(binding)


def test_an_account_may_do_what_its_role_says_in_its_namespace_alone(kube: Kube, namespace: str, asked: Asked) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    rules += [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]
    bind(kube, namespace, "Role", *rules)
    home = f"/api/v1/namespaces/{namespace}"
    told = asked(
        "/apis", home, f"{home}/configmaps", f"{home}/configmaps/kube-root-ca.crt", "/api/v1/configmaps", f"{home}/pods"
    )
    answers = [line.split(" ", 2)[1:] for line in told.splitlines()]
    assert [answer[0] for answer in answers] == ["200", "200", "200", "403", "403", "403"]
    user = f'User "system:serviceaccount:{namespace}:default"'
    assert f'{user} cannot list resource "pods" in API group "" in the namespace "{namespace}"' in answers[5][1]
    assert f'{user} cannot list resource "configmaps" in API group "" at the cluster scope' in answers[4][1]


def test_an_account_that_nothing_is_bound_to_may_only_discover(asked: Asked, namespace: str) -> None:
    told = asked("/version", "/api/v1", "/api/v1/nodes", f"/api/v1/namespaces/{namespace}/secrets")
    assert [line.split(" ", 2)[1] for line in told.splitlines()] == ["200", "200", "403", "403"]
