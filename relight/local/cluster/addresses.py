"""Addresses and node ports of services: each is given once in a cluster."""

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
