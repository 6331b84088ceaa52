"""What a deletion does to an object: gone at once, or marked and waiting for its finalizers, dependents or processes."""

from typing import Any

from relight.local.cluster import refusals
from relight.local.cluster.kinds import Resource
from relight.local.cluster.options import Deletion, now

Obj = dict[str, Any]
# Deleting through the API leaves these kinds' dependents, unless a policy is given (a Job's pods outlive it!).
ORPHANS_BY_DEFAULT = {"jobs.batch", "replicationcontrollers"}
WHY = {
    "UID": "The object might have been deleted and then recreated",
    "ResourceVersion": "The object might have been modified",
}
PERMANENT = {"default", "kube-system", "kube-public", "kube-node-lease"}


def decide(resource: Resource, live: Obj, how: Deletion, has_dependents: bool) -> Obj | None:
    """The changes of metadata that mark ``live`` as being deleted; None where it can go at once.

    Raises Refusal: 409 where a precondition does not hold, 403 for a namespace that must stay.
    """
    _may_go(resource, live, how)
    finalizers = _finalizers(resource, live, how, has_dependents)
    at_once = resource.key == "pods" and how.grace == 0
    if not finalizers and (at_once or not awaits_other(resource.key, live)):
        return None
    changes: Obj = {"finalizers": finalizers or None}
    if not live["metadata"].get("deletionTimestamp"):
        changes |= {"deletionTimestamp": now(), "deletionGracePeriodSeconds": _grace(resource, live, how)}
    return changes


def _may_go(resource: Resource, live: Obj, how: Deletion) -> None:
    meta = live["metadata"]
    if resource.key == "namespaces" and meta["name"] in PERMANENT:
        raise refusals.forbidden("namespaces", "", meta["name"], "this namespace may not be deleted")
    for what, wanted, found in (("UID", how.uid, meta["uid"]), ("ResourceVersion", how.version, meta["resourceVersion"])):
        if wanted and wanted != found:
            why = f"the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). {WHY[what]}"
            raise refusals.conflict(resource.plural, resource.group, meta["name"], why)


def _finalizers(resource: Resource, live: Obj, how: Deletion, has_dependents: bool) -> list[str]:
    kept = [one for one in live["metadata"].get("finalizers") or () if one not in ("orphan", "foregroundDeletion")]
    policy = how.policy or ("Orphan" if resource.key in ORPHANS_BY_DEFAULT else "Background")
    waiting = {"Foreground": ["foregroundDeletion"], "Orphan": ["orphan"]}.get(policy, [])
    return kept + (waiting if has_dependents else [])


def _grace(resource: Resource, live: Obj, how: Deletion) -> int:
    default = live["spec"].get("terminationGracePeriodSeconds", 30) if resource.key == "pods" else 0
    return int(default if how.grace is None else how.grace)


def awaits_other(key: str, obj: Obj) -> bool:
    """A pod waits for its processes, a namespace for its content; everything else only for finalizers."""
    if key == "pods":
        return obj.get("status", {}).get("phase") not in ("Succeeded", "Failed") and bool(obj["spec"].get("nodeName"))
    return key == "namespaces" and "kubernetes" in (obj.get("spec", {}).get("finalizers") or ())
