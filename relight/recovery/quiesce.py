"""Quiesce: nothing writes to the app's claims while their files are read, and everything goes on afterwards as before.

Each workload says in an annotation how it was, in the very patch that stops it. So whatever ends a backup (an error, a
kill, a lost node), ``wake`` finds what still sleeps; the next backup begins with it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from relight.errors import NotQuiet, RelightError
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.objects import identity, pod_spec
from relight.recovery.patience import Deadline, Patience, poll

WAS = "relight.dev/before-backup"
DRAIN_SECONDS = 120.0
# (api version, kind, the field that stops it, its value while stopped), in the order of stopping; waking goes backwards
STOPS: tuple[tuple[str, str, str, object], ...] = (
    ("batch/v1", "CronJob", "suspend", True),
    ("apps/v1", "Deployment", "replicas", 0),
    ("apps/v1", "StatefulSet", "replicas", 0),
)


@contextmanager
def quiet(cluster: ClusterApi, namespace: str, seconds: float = DRAIN_SECONDS) -> Iterator[None]:
    """Stops what may write to a claim, and waits until its pods are gone. Raises NotQuiet, with everything awake again."""
    try:
        for version, kind, field, value in STOPS:
            for obj in cluster.list(version, kind, namespace):
                if _writes(obj) and obj["spec"].get(field, _default(field)) != value:
                    _stop(cluster, obj, field, value)
        _drained(cluster, namespace, Deadline.after(seconds))
        yield
    finally:
        _woken(cluster, namespace)


def wake(cluster: ClusterApi, namespace: str) -> tuple[str, ...]:
    """Whatever sleeps for a backup goes on as it was; their names. Repeating it changes nothing."""
    woken = []
    for version, kind, field, _ in reversed(STOPS):
        for obj in cluster.list(version, kind, namespace):
            if was := (obj["metadata"].get("annotations") or {}).get(WAS):
                patch = {"metadata": {"annotations": {WAS: None}}, "spec": {field: json.loads(was)}}
                _patch(cluster, obj, patch)
                woken.append(str(identity(obj)))
    return tuple(woken)


def _woken(cluster: ClusterApi, namespace: str) -> None:
    try:
        wake(cluster, namespace)
    except RelightError as error:
        raise NotQuiet(
            f"quiesce {namespace}: not everything could be started again ({error}); what still stands still has the "
            f"annotation {WAS}, which says how it was; the next relight backup starts it, or scale it by hand now"
        ) from error


def _stop(cluster: ClusterApi, obj: Object, field: str, value: object) -> None:
    was = json.dumps(obj["spec"].get(field, _default(field)))
    _patch(cluster, obj, {"metadata": {"annotations": {WAS: was}}, "spec": {field: value}})


def _default(field: str) -> object:
    return 1 if field == "replicas" else False


def _patch(cluster: ClusterApi, obj: Object, patch: Object) -> None:
    who = identity(obj)
    call = partial(cluster.patch, obj["apiVersion"], who.kind, who.namespace, who.name, patch)
    Patience().persist(call, Deadline.after(30))


def _writes(obj: Object) -> bool:
    """Whether pods of it may write to a claim; a StatefulSet's own templates count."""
    return bool(may_write(pod_spec(obj) or {}) or obj["spec"].get("volumeClaimTemplates"))


def _drained(cluster: ClusterApi, namespace: str, deadline: Deadline) -> None:
    left: list[str] = []

    def ask() -> bool | None:
        pods = cluster.list("v1", "Pod", namespace)
        ended = ("Succeeded", "Failed")
        left[:] = [
            str(identity(pod))
            for pod in pods
            if may_write(pod["spec"]) and (pod.get("status") or {}).get("phase") not in ended
        ]
        return True if not left else None

    try:
        done = poll(ask, deadline)
    except RelightError as error:
        raise NotQuiet(f"quiesce {namespace}: {error}; everything was started again, and no backup was made") from None
    if not done:
        raise NotQuiet(
            f"quiesce {namespace}: {', '.join(left)} still at work; everything was started again, and no backup was made; "
            "try again when they are done, or back up without quiesce"
        )


def may_write(spec: Object) -> set[str]:
    """The claims. One that the pod itself takes read-only, as a backup's own pod does, is written to by others alone."""
    claims = (item.get("persistentVolumeClaim") for item in spec.get("volumes") or [])
    return {str(claim["claimName"]) for claim in claims if claim and not claim.get("readOnly")}
