"""Workloads that keep pods running: ReplicaSet and Deployment; and what all workloads say of their pods."""

from hashlib import sha256
from typing import Any

import msgspec

from relight.local.cluster.controllers.base import Controller, itself, owner
from relight.local.cluster.options import now
from relight.local.cluster.store import copy

Obj = dict[str, Any]
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


def is_ready(pod: Obj) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def is_over(pod: Obj) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def is_alive(pod: Obj) -> bool:
    return not is_over(pod) and not pod["metadata"].get("deletionTimestamp")


def template_hash(template: Obj) -> str:
    digest = int(sha256(msgspec.json.encode(template, order="sorted")).hexdigest(), 16)
    return "".join(ALPHABET[digest // len(ALPHABET) ** place % len(ALPHABET)] for place in range(10))


def pod_from(template: Obj, **meta: Any) -> Obj:
    """A pod as its template says; ``meta`` are its name and further labels."""
    body = copy(template)
    given = body.get("metadata") or {}
    labels = (given.get("labels") or {}) | meta.pop("labels", {})
    return {"metadata": {"labels": labels, "annotations": given.get("annotations") or {}} | meta, "spec": body["spec"]}


def condition(kind: str, status: bool, reason: str, message: str, was: Obj) -> Obj:
    """A condition that keeps its transition time while its status stays the same."""
    old = next((one for one in was.get("conditions") or () if one["type"] == kind), None)
    text = "True" if status else "False"
    since = old["lastTransitionTime"] if old and old["status"] == text else now()
    shown = {"type": kind, "status": text, "reason": reason, "message": message, "lastTransitionTime": since}
    return shown | {"lastUpdateTime": since}


class ReplicaSets(Controller):
    watches = {"replicasets.apps": itself, "pods": owner("ReplicaSet")}  # noqa: RUF012

    def reconcile(self, namespace: str, name: str) -> float | None:
        replicas = self.current("replicasets.apps", namespace, name)
        if replicas is None:
            return None
        pods = [pod for pod in self.children("pods", replicas) if is_alive(pod)]
        wanted, failed = replicas["spec"]["replicas"], False
        for _ in range(wanted - len(pods)):
            failed |= self.spawn("pods", replicas, pod_from(replicas["spec"]["template"], generateName=f"{name}-")) is None
        for pod in sorted(pods, key=is_ready)[: max(len(pods) - wanted, 0)]:
            self.discard("pods", pod)
        self._report(replicas)
        return 1.0 if failed else None

    def _report(self, replicas: Obj) -> None:
        pods = [pod for pod in self.children("pods", replicas) if is_alive(pod)]
        ready = sum(map(is_ready, pods))
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        status = {field: count for field, count in status.items() if count or field == "replicas"}
        self.api.set_status(
            "replicasets.apps", replicas, status | {"observedGeneration": replicas["metadata"]["generation"]}
        )


class Deployments(Controller):
    """Rolls over: the new ReplicaSet comes up first, the old ones go once it is ready (for Recreate, before)."""

    watches = {"deployments.apps": itself, "replicasets.apps": owner("Deployment")}  # noqa: RUF012

    def reconcile(self, namespace: str, name: str) -> float | None:
        deployment = self.current("deployments.apps", namespace, name)
        if deployment is None:
            return None
        mark = template_hash(deployment["spec"]["template"])
        sets = self.children("replicasets.apps", deployment)
        current = next((one for one in sets if one["metadata"]["labels"].get(HASH) == mark), None)
        old = [one for one in sets if one is not current]
        if not deployment["spec"].get("paused"):
            self._roll(deployment, current, old, mark)
        self._report(deployment, mark)
        return None

    def _roll(self, deployment: Obj, current: Obj | None, old: list[Obj], mark: str) -> None:
        wanted = deployment["spec"]["replicas"]
        recreate = deployment["spec"]["strategy"]["type"] == "Recreate"
        if recreate and any(one.get("status", {}).get("replicas") or one["spec"]["replicas"] for one in old):
            for one in old:
                self._scale(one, 0)
            return
        if current is None:
            self._add(deployment, mark, len(old) + 1)
        else:
            self._scale(current, wanted)
            if current.get("status", {}).get("readyReplicas", 0) >= wanted:
                for one in old:
                    self._scale(one, 0)

    def _scale(self, replicas: Obj, wanted: int) -> None:
        if replicas["spec"]["replicas"] != wanted:
            namespace, name = replicas["metadata"]["namespace"], replicas["metadata"]["name"]
            resized = replicas | {"spec": replicas["spec"] | {"replicas": wanted}}
            self.api.replace(self.api.kinds["replicasets.apps"], namespace, name, resized)

    def _add(self, deployment: Obj, mark: str, revision: int) -> None:
        spec, label = deployment["spec"], {HASH: mark}
        template = copy(spec["template"])
        labels = (template["metadata"].get("labels") or {}) | label
        template["metadata"]["labels"] = labels
        selector = copy(spec["selector"])
        selector["matchLabels"] = (selector.get("matchLabels") or {}) | label
        meta = {
            "name": f"{deployment['metadata']['name']}-{mark}",
            "labels": labels,
            "annotations": {REVISION: str(revision)},
        }
        self.spawn(
            "replicasets.apps",
            deployment,
            {"metadata": meta, "spec": {"replicas": spec["replicas"], "selector": selector, "template": template}},
        )

    def _report(self, deployment: Obj, mark: str) -> None:
        sets = self.children("replicasets.apps", deployment)
        current = [one for one in sets if one["metadata"]["labels"].get(HASH) == mark]
        total, ready = (_sum(sets, field) for field in ("replicas", "readyReplicas"))
        wanted, was = deployment["spec"]["replicas"], deployment.get("status") or {}
        counts = {
            "replicas": total,
            "updatedReplicas": _sum(current, "replicas"),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        status: Obj = {field: count for field, count in counts.items() if count}
        if wanted > ready:
            status["unavailableReplicas"] = wanted - ready
        enough = ready >= wanted
        available = ("MinimumReplicasAvailable", "Deployment has minimum availability.")
        lacking = ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        done = enough and counts["updatedReplicas"] == wanted == total
        progress = "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"
        status["conditions"] = [
            condition("Available", enough, *(available if enough else lacking), was),
            condition("Progressing", True, progress, "", was),
        ]
        status["observedGeneration"] = deployment["metadata"]["generation"]
        self.api.set_status("deployments.apps", deployment, status)


def _sum(sets: list[Obj], field: str) -> int:
    return sum(one.get("status", {}).get(field, 0) for one in sets)
