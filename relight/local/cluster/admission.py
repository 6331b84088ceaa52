"""Admission: what the API looks up before it takes an object in, what it fills in from there, and whom it asks."""

from typing import Any

from relight.local.cluster import quotas, refusals, webhooks
from relight.local.cluster.kinds import Resource
from relight.local.cluster.store import Store, copy

Obj = dict[str, Any]
PRIORITIES = "priorityclasses.scheduling.k8s.io"
OUTAGES = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
OUTAGE = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
# What a pod's spec names by a field, and what the API says where that is not there.
NAMED = (
    ("serviceAccountName", "serviceaccounts", 'error looking up service account {at}: serviceaccount "{name}" not found'),
    ("priorityClassName", PRIORITIES, "no PriorityClass with name {name} was found"),
    ("runtimeClassName", "runtimeclasses.node.k8s.io", 'pod rejected: RuntimeClass "{name}" not found'),
)


def complete(resource: Resource, obj: Obj, live: Obj | None, store: Store) -> None:
    """Completes a new pod, in place. Raises Refusal (403) where it names what is not there; everything else passes."""
    if resource.key != "pods" or live is not None:
        return
    namespace, spec = obj["metadata"]["namespace"], obj["spec"]
    for field, key, words in NAMED:
        name = spec.get(field)
        home = namespace if key == "serviceaccounts" else ""
        if name and store.get(key, home, name) is None:
            why = words.format(name=name, at=f"{home}/{name}")
            raise refusals.forbidden(resource.plural, resource.group, obj["metadata"]["name"], why)
    _prioritise(spec, store)
    _tolerate(spec)
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    for container in containers:
        if limits := container["resources"].get("limits"):  # who limits without a request asks for as much
            container["resources"]["requests"] = limits | container["resources"].get("requests", {})
    for limit_range in store.objects("limitranges", namespace):
        _limit(containers, limit_range)


def approve(resource: Resource, obj: Obj, live: Obj | None, subresource: str, store: Store) -> None:
    """The last word on a valid object. Raises Refusal: 500 of a webhook, 403 of a quota."""
    webhooks.ask(resource, obj, "CREATE" if live is None else "UPDATE", subresource, store)
    if live is None:
        quotas.charge(resource, obj, store)


def _prioritise(spec: Obj, store: Store) -> None:
    named = store.get(PRIORITIES, "", spec.get("priorityClassName") or "")
    chosen = named or next((one for one in store.objects(PRIORITIES) if one.get("globalDefault")), None)
    spec["priority"] = chosen["value"] if chosen else 0
    if chosen:
        spec["priorityClassName"] = chosen["metadata"]["name"]


def _tolerate(spec: Obj) -> None:
    """A pod outlives its node's absence for five minutes, unless it says something else."""
    given = spec.get("tolerations") or []
    known = {one.get("key") for one in given}
    more = [{"key": key, **OUTAGE} for key in OUTAGES if key not in known and None not in known]
    if more:
        spec["tolerations"] = [*given, *more]


def _limit(containers: list[Obj], limit_range: Obj) -> None:
    """A LimitRange's defaults for containers that do not say what they need; its bounds are not enforced."""
    limits = [one for one in limit_range["spec"].get("limits") or () if one["type"] == "Container"]
    for container in containers:
        for limit in limits:
            for kind, default in (("limits", "default"), ("requests", "defaultRequest")):
                if limit.get(default):
                    container["resources"][kind] = copy(limit[default]) | container["resources"].get(kind, {})
