"""The node: takes every pod, runs it, and reports. It calls itself emulated."""

import asyncio
import contextlib
import platform
from pathlib import Path
from shutil import rmtree
from typing import Any

from relight.local.cluster import refusals
from relight.local.cluster.controllers.base import Controller, itself, record
from relight.local.cluster.discovery import VERSION
from relight.local.cluster.kubelet import network
from relight.local.cluster.kubelet.pods import Host, PodRunner
from relight.local.cluster.options import now
from relight.local.cluster.selectors import selects

Obj = dict[str, Any]
NODE = "emulated-node"
LABELS = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "relight.local/emulated": "true"}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Node(Controller):
    """A controller of pods: a pod without a node is placed here, one placed here is run, one deleted is ended."""

    watches = {"pods": itself}  # noqa: RUF012

    def __init__(self, host: Host) -> None:
        super().__init__(host.api)
        self.host = host
        self.runners: dict[str, PodRunner] = {}
        self.by_name: dict[tuple[str, str], str] = {}
        self.ending: set[asyncio.Task[None]] = set()

    def register(self) -> None:
        architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
        body: Obj = {
            "metadata": {"name": NODE, "labels": LABELS | {"kubernetes.io/arch": architecture}},
            "spec": {"podCIDR": network.POD_CIDR},
        }
        body["status"] = {
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Emulated",
                    "message": "local processes",
                    "lastTransitionTime": now(),
                }
            ],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE}],
            "nodeInfo": {
                "architecture": architecture,
                "operatingSystem": "linux",
                "osImage": "none (emulated by Relight)",
                "kernelVersion": platform.release(),
                "kubeletVersion": VERSION["gitVersion"],
                "kubeProxyVersion": "",
                "containerRuntimeVersion": "processes://emulated",
                "bootID": "",
                "machineID": "",
                "systemUUID": "",
            },
        }
        with contextlib.suppress(refusals.Refusal):
            self.api.create(self.api.kinds["nodes"], "", body)

    def reconcile(self, namespace: str, name: str) -> float | None:
        pod = self.store.get("pods", namespace, name)
        known = self.by_name.get((namespace, name))
        if known and (pod is None or pod["metadata"]["uid"] != known):
            self._end(known, 0.0)
        if pod is None:
            return None
        uid = pod["metadata"]["uid"]
        if pod["metadata"].get("deletionTimestamp"):
            self._end(uid, float(pod["metadata"].get("deletionGracePeriodSeconds", 30)), pod)
        elif not pod["spec"].get("nodeName"):
            return self._place(pod)
        elif uid not in self.runners and pod["spec"]["nodeName"] == NODE:
            self._run(pod)
        return None

    def _place(self, pod: Obj) -> float | None:
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return None
        node = self.store.get("nodes", "", NODE)
        why = self._unbound(pod)
        if node is None or not _chosen(node, pod["spec"]):
            why = "node(s) didn't match Pod's node affinity/selector"
        if why:
            self._wait(pod, why)
            return 0.2
        placed = pod | {"metadata": dict(pod["metadata"]), "spec": pod["spec"] | {"nodeName": NODE}}
        record(
            self.api,
            pod,
            "Normal",
            "Scheduled",
            f"Successfully assigned {pod['metadata']['namespace']}/{pod['metadata']['name']} to {NODE}",
        )
        self.store.put("pods", placed)
        return None

    def _wait(self, pod: Obj, why: str) -> None:
        record(self.api, pod, "Warning", "FailedScheduling", f"0/1 nodes are available: 1 {why}.")
        status = {"phase": "Pending", "qosClass": "BestEffort"} | (pod.get("status") or {})
        conditions = status.get("conditions") or []
        if not any(one["type"] == "PodScheduled" and one.get("message") == why for one in conditions):
            unready = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
            rest = [one for one in conditions if one["type"] != "PodScheduled"]
            status["conditions"] = [*rest, unready | {"lastTransitionTime": now()}]
            self.api.set_status("pods", pod, status)

    def _unbound(self, pod: Obj) -> str:
        for volume in pod["spec"].get("volumes") or ():
            if source := volume.get("persistentVolumeClaim"):
                claim = self.store.get("persistentvolumeclaims", pod["metadata"]["namespace"], source["claimName"])
                if claim is None:
                    return f'persistentvolumeclaim "{source["claimName"]}" not found'
                if claim.get("status", {}).get("phase") != "Bound":
                    return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _run(self, pod: Obj) -> None:
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return
        runner = PodRunner(self.host, pod)
        self.runners[pod["metadata"]["uid"]] = runner
        self.by_name[pod["metadata"]["namespace"], pod["metadata"]["name"]] = pod["metadata"]["uid"]
        runner.start()

    def _end(self, uid: str, grace: float, pod: Obj | None = None) -> None:
        runner = self.runners.get(uid)
        if runner is None or runner.stopping:
            if runner is None and pod is not None:
                self._remove(pod)
            return
        runner.stopping = True
        task = asyncio.create_task(self._finish(runner, grace))
        self.ending.add(task)
        task.add_done_callback(self.ending.discard)

    async def _finish(self, runner: PodRunner, grace: float) -> None:
        await runner.stop(grace)
        runner.final()
        self.runners.pop(runner.uid, None)
        at = (runner.pod["metadata"]["namespace"], runner.pod["metadata"]["name"])
        if self.by_name.get(at) == runner.uid:
            del self.by_name[at]
        live = self.store.get("pods", *at)
        if live and live["metadata"]["uid"] == runner.uid:
            self._remove(live)
        rmtree(runner.home, ignore_errors=True)

    def _remove(self, pod: Obj) -> None:
        if not pod["metadata"].get("finalizers"):
            self.store.remove("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])

    async def stop(self) -> None:
        """Ends every pod's processes; their objects stay, for the next start."""
        await asyncio.gather(*(runner.stop(0.5) for runner in self.runners.values()), return_exceptions=True)
        await asyncio.gather(*self.ending, return_exceptions=True)

    def runner(self, namespace: str, name: str) -> PodRunner | None:
        return self.runners.get(self.by_name.get((namespace, name), ""))

    def logs(self, pod: Obj) -> Path:
        return self.host.home / str(pod["metadata"]["uid"]) / "logs"


def _chosen(node: Obj, spec: Obj) -> bool:
    """Whether a pod may run on the node by its selector and by what its affinity requires."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms")
    terms = [{"matchExpressions": term.get("matchExpressions")} for term in required or [{}]]
    return selects({"matchLabels": spec.get("nodeSelector")}, node) and any(selects(term, node) for term in terms)
