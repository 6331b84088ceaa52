"""The scale subresource: a workload's replicas as an object of their own."""

from dataclasses import replace
from typing import Any

from relight.local.cluster.api import Api
from relight.local.cluster.kinds import Resource
from relight.local.cluster.options import Options
from relight.local.cluster.refusals import bad_request
from relight.local.cluster.requests import Target

Obj = dict[str, Any]


def read_scale(resource: Resource, obj: Obj) -> Obj:
    meta = obj["metadata"]
    kept = {
        name: meta[name] for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if name in meta
    }
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    status = {
        "replicas": obj.get("status", {}).get("replicas", 0),
        "selector": ",".join(f"{k}={v}" for k, v in labels.items()),
    }
    spec = {"replicas": obj["spec"].get("replicas", 0)}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept, "spec": spec, "status": status}


def write_scale(api: Api, where: Target, body: Any, options: Options) -> Obj:
    wanted = body.get("spec", {}).get("replicas") if isinstance(body, dict) else None
    if not isinstance(wanted, int) or wanted < 0:
        raise bad_request(f"spec.replicas: Invalid value: {wanted!r}: must be greater than or equal to 0")
    live = api.get(where.resource, where.namespace, where.name)
    body = live | {"spec": live["spec"] | {"replicas": wanted}}
    written = api.replace(where.resource, where.namespace, where.name, body, replace(options, subresource="scale"))
    return read_scale(where.resource, written)
