"""Addresses and node ports of services: the cluster gives them, each once."""

from collections.abc import Iterator
from typing import Any

from relight.local.cluster.refusals import Cause, invalid_value
from relight.local.cluster.store import Store

Obj = dict[str, Any]


def faults(key: str, obj: Obj, store: Store) -> Iterator[Cause]:
    """What ``obj`` asks for and another service has."""
    if key != "services":
        return
    others = [one["spec"] for one in store.objects(key) if one["metadata"]["uid"] != obj["metadata"]["uid"]]
    address = obj["spec"].get("clusterIP")
    if address not in (None, "", "None") and address in {one.get("clusterIP") for one in others}:
        why = f"failed to allocate IP {address}: provided IP is already allocated"
        yield invalid_value("spec.clusterIPs", [address], why)
    taken = {port.get("nodePort") for one in others for port in one.get("ports") or ()}
    for index, port in enumerate(obj["spec"].get("ports") or ()):
        if port.get("nodePort") and port["nodePort"] in taken:
            yield invalid_value(f"spec.ports[{index}].nodePort", port["nodePort"], "provided port is already allocated")


def complete(spec: Obj, live: Obj | None, store: Store) -> None:
    """What the cluster assigns to a service that does not say it, in place; what it had, it keeps."""
    was = (live or {}).get("spec", {})
    for port in spec.get("ports") or ():
        port.setdefault("targetPort", port["port"])
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = was.get("clusterIP") or _free_address(store)
    spec["clusterIPs"] = [spec["clusterIP"]]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        taken = {port.get("nodePort") for one in store.objects("services") for port in one["spec"].get("ports") or ()}
        free = (number for number in range(30_000, 32_768) if number not in taken)
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = next(free)
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def _free_address(store: Store) -> str:
    """The next free service address, in k3s's own range."""
    taken = {one["spec"].get("clusterIP") for one in store.objects("services")}
    numbers = range(1 + len(taken), 65_535)
    return next(text for number in numbers if (text := f"10.43.{number // 256}.{number % 256}") not in taken)
