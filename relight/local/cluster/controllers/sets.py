"""Workloads with pods of their own kind: one a node (DaemonSet), or one a name, with its claims (StatefulSet)."""

from typing import Any

from relight.local.cluster.controllers.base import Controller, itself, owner
from relight.local.cluster.controllers.replicas import is_alive, is_over, is_ready, pod_from, template_hash
from relight.local.cluster.store import copy

Obj = dict[str, Any]
RETRY = 1.0


class DaemonSets(Controller):
    """One pod: there is one node."""

    watches = {"daemonsets.apps": itself, "pods": owner("DaemonSet")}  # noqa: RUF012

    def reconcile(self, namespace: str, name: str) -> float | None:
        daemon = self.current("daemonsets.apps", namespace, name)
        if daemon is None:
            return None
        mark = template_hash(daemon["spec"]["template"])
        for pod in [pod for pod in self.children("pods", daemon) if is_alive(pod)]:
            if pod["metadata"]["labels"].get("controller-revision-hash") != mark:
                self.discard("pods", pod)
        if not [pod for pod in self.children("pods", daemon) if not is_over(pod)]:
            labels = {"controller-revision-hash": mark}
            body = pod_from(daemon["spec"]["template"], generateName=f"{name}-", labels=labels)
            if self.spawn("pods", daemon, body) is None:
                return RETRY
        pods = [pod for pod in self.children("pods", daemon) if is_alive(pod)]
        ready = sum(map(is_ready, pods))
        status = {"desiredNumberScheduled": 1, "currentNumberScheduled": len(pods), "updatedNumberScheduled": len(pods)}
        status |= {
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberAvailable": ready,
            "numberUnavailable": 1 - min(ready, 1),
        }
        self.api.set_status("daemonsets.apps", daemon, status | {"observedGeneration": daemon["metadata"]["generation"]})
        return None


class StatefulSets(Controller):
    """Pods with names and claims of their own, started in order, each once the one before is ready."""

    watches = {"statefulsets.apps": itself, "pods": owner("StatefulSet")}  # noqa: RUF012

    def reconcile(self, namespace: str, name: str) -> float | None:
        stateful = self.current("statefulsets.apps", namespace, name)
        if stateful is None:
            return None
        mark = template_hash(stateful["spec"]["template"])
        pods = {pod["metadata"]["name"]: pod for pod in self.children("pods", stateful)}
        wanted = [f"{name}-{ordinal}" for ordinal in range(stateful["spec"]["replicas"])]
        for pod in pods.values():
            stale = pod["metadata"]["labels"].get("controller-revision-hash") != mark
            if stale or is_over(pod) or pod["metadata"]["name"] not in wanted:
                self.discard("pods", pod)
        refused, parallel = False, stateful["spec"]["podManagementPolicy"] == "Parallel"
        for ordinal, pod_name in enumerate(wanted):
            if pod_name not in pods:
                refused |= self._start(stateful, pod_name, ordinal, mark) is None
            if not parallel and not (pod_name in pods and is_ready(pods[pod_name])):
                break
        self._report(stateful, mark)
        return RETRY if refused else None

    def _start(self, stateful: Obj, pod_name: str, ordinal: int, mark: str) -> Obj | None:
        labels = {"statefulset.kubernetes.io/pod-name": pod_name, "apps.kubernetes.io/pod-index": str(ordinal)}
        body = pod_from(stateful["spec"]["template"], name=pod_name, labels=labels | {"controller-revision-hash": mark})
        volumes = {volume["name"]: volume for volume in body["spec"].get("volumes") or ()}
        for template in stateful["spec"].get("volumeClaimTemplates") or ():
            claim = f"{template['metadata']['name']}-{pod_name}"
            volumes[template["metadata"]["name"]] = {
                "name": template["metadata"]["name"],
                "persistentVolumeClaim": {"claimName": claim},
            }
            self._claim(stateful, template, claim)
        body["spec"] |= {"volumes": list(volumes.values()), "hostname": pod_name}
        return self.spawn("pods", stateful, body)

    def _claim(self, stateful: Obj, template: Obj, claim: str) -> None:
        namespace = stateful["metadata"]["namespace"]
        if self.store.get("persistentvolumeclaims", namespace, claim) is None:
            labels = stateful["spec"]["selector"].get("matchLabels") or {}
            body = {"metadata": {"name": claim, "labels": copy(labels)}, "spec": copy(template["spec"])}
            self.api.create(self.api.kinds["persistentvolumeclaims"], namespace, body)

    def _report(self, stateful: Obj, mark: str) -> None:
        pods = [pod for pod in self.children("pods", stateful) if is_alive(pod)]
        ready = sum(map(is_ready, pods))
        status = {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": len(pods)}
        status |= {
            "currentReplicas": len(pods),
            "observedGeneration": stateful["metadata"]["generation"],
            "collisionCount": 0,
        }
        revision = f"{stateful['metadata']['name']}-{mark}"
        self.api.set_status(
            "statefulsets.apps", stateful, status | {"currentRevision": revision, "updateRevision": revision}
        )
