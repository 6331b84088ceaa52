"""ResourceQuotas: what a namespace's objects use of them, and the refusal of one more that would be over."""

from decimal import Decimal
from typing import Any

from relight.local.cluster import refusals
from relight.local.cluster.kinds import Resource
from relight.local.cluster.quantity import quantity
from relight.local.cluster.store import Store

Obj = dict[str, Any]
Amounts = dict[str, Decimal]
ONE, NONE = Decimal(1), Decimal()
QUOTAS = "resourcequotas"
# Core kinds that a quota counts by their bare names; every kind is counted as ``count/KEY``.
COUNTED = {"configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", QUOTAS, "secrets", "services"}
NEEDED = {"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"}
OVER = ("Succeeded", "Failed")


def usage(key: str, obj: Obj) -> Amounts:
    """What one object uses, in the names of a quota: objects, bytes, cores."""
    found = {f"count/{key}": ONE}
    if key == "pods":
        if obj.get("status", {}).get("phase") in OVER:
            return found
        found |= _needs(obj["spec"])
    elif key == "persistentvolumeclaims":
        found["requests.storage"] = quantity(obj["spec"]["resources"]["requests"]["storage"])
    if key in COUNTED:
        found[key] = ONE
    return found


def _needs(spec: Obj) -> Amounts:
    """What a pod's containers ask for together; a name is there only where each of them says it."""
    found: Amounts = {}
    for kind in ("requests", "limits"):
        asked = [one.get("resources", {}).get(kind) or {} for one in spec["containers"]]
        for name in ("cpu", "memory"):
            if all(name in one for one in asked):
                total = sum((quantity(one[name]) for one in asked), NONE)
                found[f"{kind}.{name}"] = total
                if kind == "requests":
                    found[name] = total
    return found


def used(store: Store, namespace: str) -> Amounts:
    total: Amounts = {}
    for key, bucket in store.buckets.items():
        for obj in [obj for at, obj in bucket.items() if at[0] == namespace]:
            for name, amount in usage(key, obj).items():
                total[name] = total.get(name, NONE) + amount
    return total


def charge(resource: Resource, obj: Obj, store: Store) -> None:
    """Raises Refusal (403) where the new ``obj`` would be over a quota of its namespace; quotas with scopes do not count."""
    namespace = obj["metadata"].get("namespace", "")
    quotas = [one for one in store.objects(QUOTAS, namespace) if not _scoped(one)] if namespace else []
    if not quotas:
        return
    asked, total = usage(resource.key, obj), used(store, namespace)
    for quota in quotas:
        if why := _refusal(resource, quota, asked, total):
            raise refusals.forbidden(resource.plural, resource.group, obj["metadata"]["name"], why)


def _scoped(quota: Obj) -> bool:
    return bool(quota["spec"].get("scopes") or quota["spec"].get("scopeSelector"))


def _refusal(resource: Resource, quota: Obj, asked: Amounts, total: Amounts) -> str:
    name, hard = quota["metadata"]["name"], quota["spec"].get("hard") or {}
    silent = sorted(one for one in hard if one in NEEDED - asked.keys()) if resource.key == "pods" else []
    if silent:
        return f"failed quota: {name}: must specify {','.join(silent)}"
    over = sorted(one for one in hard if one in asked and total.get(one, NONE) + asked[one] > quantity(hard[one]))
    if not over:
        return ""
    said = (("requested", asked), ("used", total))
    shown = [f"{word}: {','.join(f'{one}={written(amounts.get(one, NONE))}' for one in over)}" for word, amounts in said]
    return f"exceeded quota: {name}, {', '.join(shown)}, limited: {','.join(f'{one}={hard[one]}' for one in over)}"


def written(number: Decimal) -> str:
    """A number as a quantity: whole binary units where they fit, thousandths where it is no whole number."""
    if number != int(number):
        return f"{int(number * 1000)}m"
    units = [(unit, 1024**power) for power, unit in ((3, "Gi"), (2, "Mi"), (1, "Ki"))]
    return next((f"{int(number) // size}{unit}" for unit, size in units if number and number % size == 0), str(int(number)))
