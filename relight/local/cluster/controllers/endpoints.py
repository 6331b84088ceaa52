"""Endpoints: which ready pods stand behind a service, and at which of their ports."""

from collections.abc import Iterable
from typing import Any

from relight.local.cluster.controllers.base import Controller, Name, itself
from relight.local.cluster.controllers.replicas import is_alive, is_ready
from relight.local.cluster.selectors import selects

Obj = dict[str, Any]


def port_of(pod: Obj, target: Any) -> int | None:
    """The container port a service's targetPort means in this pod: a number, or the name of one."""
    if isinstance(target, int) or str(target).isdigit():
        return int(target)
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports") or ()]
    return next((port["containerPort"] for port in ports if port.get("name") == target), None)


class Endpoints(Controller):
    def __init__(self, api: Any) -> None:
        super().__init__(api)
        self.watches = {"services": itself, "pods": self._services_of}

    def _services_of(self, pod: Obj) -> Iterable[Name]:
        services = self.store.objects("services", pod["metadata"]["namespace"])
        chosen = [one["metadata"] for one in services if one["spec"].get("selector") and _selected(one, pod)]
        return [(meta["namespace"], meta["name"]) for meta in chosen]

    def reconcile(self, namespace: str, name: str) -> float | None:
        service = self.store.get("services", namespace, name)
        live = self.store.get("endpoints", namespace, name)
        if service is None:
            if live is not None:
                self.store.remove("endpoints", namespace, name)
            return None
        if not service["spec"].get("selector"):
            return None
        pods = [pod for pod in self.store.objects("pods", namespace) if is_alive(pod) and _selected(service, pod)]
        subsets = [one for port in service["spec"].get("ports") or () if (one := _subset(port, pods))]
        if live is None:
            labels = service["metadata"].get("labels") or {}
            self.api.create(
                self.api.kinds["endpoints"], namespace, {"metadata": {"name": name, "labels": labels}, "subsets": subsets}
            )
        elif live.get("subsets") != subsets:
            self.store.put("endpoints", live | {"metadata": dict(live["metadata"]), "subsets": subsets})
        return None


def _selected(service: Obj, pod: Obj) -> bool:
    return selects({"matchLabels": service["spec"]["selector"]}, pod)


def _subset(port: Obj, pods: list[Obj]) -> Obj | None:
    """One port's addresses, ready and not; None where no pod has that port."""
    groups: dict[bool, list[Obj]] = {True: [], False: []}
    number = None
    for pod in pods:
        at, address = port_of(pod, port.get("targetPort", port["port"])), pod.get("status", {}).get("podIP")
        if at is not None and address:
            number = at
            meta = pod["metadata"]
            target = {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
            groups[is_ready(pod)].append({"ip": address, "nodeName": pod["spec"].get("nodeName", ""), "targetRef": target})
    if number is None:
        return None
    shown = {"port": number, "protocol": port["protocol"]} | ({"name": port["name"]} if "name" in port else {})
    addresses = {"addresses": groups[True]} if groups[True] else {}
    return addresses | ({"notReadyAddresses": groups[False]} if groups[False] else {}) | {"ports": [shown]}
