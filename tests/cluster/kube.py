"""The official dynamic client, with the few words the checks are told in."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from relight.local.cluster import ClusterProcess
from tests.support import eventually

Obj = dict[str, Any]
BUSYBOX = "busybox:1.36"
PYTHON = "python:3.12-alpine"


class Kube:
    def __init__(self, kubeconfig: Path, cache: Path) -> None:
        self.configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=self.configuration)
        self.raw = client.ApiClient(self.configuration)
        self.dynamic = DynamicClient(self.raw, cache_file=str(cache))

    def kind(self, kind: str, api_version: str = "v1") -> Any:
        return self.dynamic.resources.get(api_version=api_version, kind=kind)

    def _of(self, obj: Obj) -> Any:
        return self.kind(obj["kind"], obj["apiVersion"])

    def create(self, obj: Obj, **options: Any) -> Obj:
        return self._of(obj).create(body=obj, namespace=obj["metadata"].get("namespace"), **options).to_dict()

    def replace(self, obj: Obj, **options: Any) -> Obj:
        return self._of(obj).replace(body=obj, namespace=obj["metadata"].get("namespace"), **options).to_dict()

    def get(self, obj: Obj) -> Obj:
        return self._of(obj).get(name=obj["metadata"]["name"], namespace=obj["metadata"].get("namespace")).to_dict()

    def apply(self, obj: Obj, manager: str = "relight", force: bool = False, **options: Any) -> Obj:
        meta = obj["metadata"]
        options |= {"field_manager": manager, "force_conflicts": force}
        return (
            self._of(obj)
            .server_side_apply(body=obj, name=meta["name"], namespace=meta.get("namespace"), **options)
            .to_dict()
        )

    def patch(self, obj: Obj, patch: Any, kind: str) -> Obj:
        meta, content = obj["metadata"], f"application/{kind}-patch+json"
        resource = self._of(obj)
        path = resource.path(name=meta["name"], namespace=meta.get("namespace"))
        return self.dynamic.request("patch", path, body=patch, content_type=content).to_dict()

    def delete(self, obj: Obj, **options: Any) -> Obj:
        meta = obj["metadata"]
        return self._of(obj).delete(name=meta["name"], namespace=meta.get("namespace"), **options).to_dict()

    def list(self, kind: str, namespace: str, api_version: str = "v1", **options: Any) -> list[Obj]:
        return self.kind(kind, api_version).get(namespace=namespace, **options).to_dict()["items"]

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.dynamic.request(method, path, body=body, serialize=False, **options)
        text = answer.data.decode()
        return json.loads(text) if text.startswith("{") else text

    def watched(self, path: str) -> tuple[Obj, ...]:
        """Every event of a watch, bookmarks and errors included, until its timeout."""
        answer = self.dynamic.request("get", path, serialize=False)
        return tuple(json.loads(line) for line in answer.data.splitlines())

    def log(self, pod: Obj, query: str = "") -> str:
        meta = pod["metadata"]
        return str(self.call("get", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/log{query}"))

    def gone(self, obj: Obj) -> bool:
        try:
            self.get(obj)
        except DynamicApiError as error:
            return error.status == 404
        return False

    def events(self, resource: Any, namespace: str, **options: Any) -> Iterator[tuple[str, str]]:
        """(type, name) of each event of a watch, until its timeout."""
        for event in resource.watch(namespace=namespace, **options):
            yield event["type"], event["raw_object"]["metadata"]["name"]


def status_of(error: Any) -> Obj:
    """The Status object of a refusal."""
    return dict(json.loads(error.value.body))


# ------------------------------------------------------------ manifests
def config_map(namespace: str, name: str = "settings", **data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def secret(namespace: str, name: str, **data: str) -> Obj:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


def pod_spec(command: str, **more: Any) -> Obj:
    container = {"name": "main", "image": BUSYBOX, "command": ["sh", "-c", command]}
    spec = {name: more.pop(name) for name in ("volumes", "restartPolicy", "initContainers") if name in more}
    return {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container | more], **spec}


def pod(namespace: str, name: str, command: str, **more: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": pod_spec(command, **more),
    }


def job(namespace: str, name: str, command: str, pod_options: Obj | None = None, **spec: Any) -> Obj:
    meta = {"name": name, "namespace": namespace}
    template = {"spec": pod_spec(command, **(pod_options or {}))}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"backoffLimit": 0, "template": template} | spec,
    }


def deployment(namespace: str, name: str, replicas: int = 1, **container: Any) -> Obj:
    labels = {"app": name}
    main = {"name": "main", "image": BUSYBOX, "command": ["sh", "-c", "sleep 300"]} | container
    spec = {"terminationGracePeriodSeconds": 1, "containers": [main]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def condition(obj: Obj, kind: str) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((one["status"] for one in conditions if one["type"] == kind), "")


# ------------------------------------------------------------ the emulated cluster
def running(kube: Kube, made: Obj) -> int:
    """The pid of the pod's container, once it runs."""

    def pid() -> int:
        statuses = kube.get(made).get("status", {}).get("containerStatuses") or [{}]
        return (
            int(statuses[0]["containerID"].removeprefix("emulated://")) if "running" in statuses[0].get("state", {}) else 0
        )

    return int(eventually(pid, f"{made['metadata']['name']} runs"))


def client_of(cluster: ClusterProcess, tmp_path: Path) -> Kube:
    """A client of a cluster of the check's own."""
    return Kube(cluster.kubeconfig, tmp_path / f"cache-{time.monotonic_ns()}.json")
