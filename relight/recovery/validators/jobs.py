"""A Job of ours as a check: created once, watched until it ends, its exit status and last words kept, deleted.

It is named after the run, so that a repeated delivery finds its own again, and it ends by itself should nobody delete it.
"""

import hashlib
from typing import Any

from relight.config import Validator
from relight.errors import Conflict, RelightError, RetryableError
from relight.model import Verdict
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.images import pinned
from relight.recovery.objects import containers, pod_spec
from relight.recovery.patience import Deadline, Patience, poll
from relight.recovery.validators.context import Finding, Place, ValidationContext
from relight.recovery.validators.logs import redacted_tail
from relight.recovery.validators.ready import waiting_reason

BATCH = "batch/v1"
MANAGED = {"app.kubernetes.io/managed-by": "relight"}
DEFAULT_RESOURCES = {"cpu": "1", "memory": "1Gi"}
CLEANUP_SECONDS = 4.0
LEFT_OVER_SECONDS = 600
MOUNTED = "/claims"


def run(what: str, job: Object, place: Place, deadline: Deadline) -> Finding:
    """The Job's end as a verdict. ``what``: the Job in words, ``the command``. Raises what the cluster raises."""
    images = [str(item.get("image", "")) for item in containers(pod_spec(job) or {})]
    if moving := [image for image in images if not pinned(image) and not place.development]:
        return Finding(Verdict.COULD_NOT_VERIFY, f"image {moving[0]} is a tag: what would run is not what was planned")
    try:
        Patience().persist(lambda: _create(place, job), deadline)
        return _outcome(what, job, place, deadline, {"images": images})
    finally:
        _delete(place, job["metadata"]["name"])


def place(validator: Validator, context: ValidationContext) -> Place:
    """A validator's own Job: named after the run and the attempt."""
    return Place(
        cluster=context.cluster,
        namespace=context.namespace,
        job=named(validator.name, context.run_id, context.attempt, validator.name),
        seconds=validator.deadline,
        development=context.development,
    )


def once(job: Object, seconds: int) -> Object:
    """The Job, changed in place to try once, for at most ``seconds``, with its resources pinned."""
    ends = {"backoffLimit": 0, "activeDeadlineSeconds": max(1, seconds), "ttlSecondsAfterFinished": LEFT_OVER_SECONDS}
    job["spec"] |= ends | {"suspend": False}
    job["spec"].pop("podFailurePolicy", None)
    pod = pod_spec(job) or {}
    pod["restartPolicy"] = "Never"
    for container in containers(pod):
        container["resources"] = _pinned_resources(container.get("resources") or {})
    return job


def _pinned_resources(given: Object) -> Object:
    """Requests equal to limits: the Job gets what it needs whatever else runs, and never more."""
    exact = DEFAULT_RESOURCES | (given.get("requests") or {}) | (given.get("limits") or {})
    return {**given, "requests": dict(exact), "limits": dict(exact)}


def job_of(place: Place, image: str, command: tuple[str, ...], claims: tuple[str, ...], secret: str | None) -> Object:
    """A Job of one container, its claims at ``/claims/<claim>``; it holds no token of the cluster's and gains no rights."""
    names = {name: f"claim-{i}" for i, name in enumerate(claims)}
    reading = {"readOnly": True} if place.read_only else {}
    container: Object = {
        "name": "main",
        "image": image,
        "command": list(command),
        "volumeMounts": [{"name": at, "mountPath": f"{MOUNTED}/{name}", **reading} for name, at in names.items()],
        "securityContext": {"allowPrivilegeEscalation": False},
        "envFrom": [{"secretRef": {"name": secret}}] if secret else [],
    }
    volumes = [{"name": at, "persistentVolumeClaim": {"claimName": name, **reading}} for name, at in names.items()]
    pod: Object = {"containers": [container], "volumes": volumes, "automountServiceAccountToken": False}
    metadata = {"name": place.job, "namespace": place.namespace, "labels": dict(MANAGED)}
    return once(
        {"apiVersion": BATCH, "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}}}, place.seconds
    )


def named(name: str, *seed: object) -> str:
    """A Job's name: the same for a repeated delivery of what ``seed`` names."""
    digest = hashlib.sha256("\0".join(map(str, seed)).encode()).hexdigest()
    return f"relight-{name}-{digest[:8]}"


def _create(place: Place, job: Object) -> None:
    try:
        place.cluster.create(job)
    except Conflict:
        if place.cluster.get(BATCH, "Job", place.namespace, job["metadata"]["name"]) is None:
            raise


def _delete(place: Place, name: str) -> None:
    try:
        Patience(tries=3).persist(
            lambda: place.cluster.delete(BATCH, "Job", place.namespace, name), Deadline.after(CLEANUP_SECONDS)
        )
    except RelightError:
        return  # its own deadline and time to live end it


def gone(name: str, cluster: ClusterApi, namespace: str, deadline: Deadline) -> bool:
    """Deletes the Job, if there is one, and waits until it and its pods are gone. Raises what the cluster raises."""
    if _nothing_left(name, cluster, namespace):
        return True
    cluster.delete(BATCH, "Job", namespace, name)
    return poll(lambda: _nothing_left(name, cluster, namespace), deadline) is not None


def _nothing_left(name: str, cluster: ClusterApi, namespace: str) -> bool | None:
    there = cluster.get(BATCH, "Job", namespace, name) or cluster.list("v1", "Pod", namespace, labels=f"job-name={name}")
    return None if there else True


def _outcome(what: str, job: Object, place: Place, deadline: Deadline, facts: dict[str, Any]) -> Finding:
    name = job["metadata"]["name"]
    last: list[RelightError | Object] = []

    def ask() -> Object | None:
        try:
            now = place.cluster.get(BATCH, "Job", place.namespace, name)
        except RetryableError as error:
            last[:] = [error]
            return None
        last[:] = [now or {}]
        return {"type": "Gone"} if now is None else ended(now)

    end = poll(ask, deadline)
    if end is None and isinstance(last[0], RelightError):
        return Finding(Verdict.COULD_NOT_VERIFY, f"{what} could not be watched: {type(last[0]).__name__}: {last[0]}")
    evidence = _evidence(place, name) | {"job": name} | facts
    return Finding(*_verdict(what, end, evidence, place), evidence)


def ended(job: Object) -> Object | None:
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item["type"] in ("Complete", "Failed") and item["status"] == "True"), None)


def _verdict(what: str, end: Object | None, evidence: dict[str, Any], place: Place) -> tuple[Verdict, str]:
    code = evidence.get("exit_code")
    if end is None or end.get("reason") == "DeadlineExceeded":
        why = evidence.get("waiting")
        return Verdict.TIMED_OUT, f"{what} did not end within {place.seconds} s" + (f": {why}" if why else "")
    if end["type"] == "Gone":
        return Verdict.COULD_NOT_VERIFY, f"{what} was deleted by somebody else before it ended"
    if end["type"] == "Complete":
        return Verdict.PASSED, f"{what} completed"
    said = f"exit status {code}" if code is not None else str(end.get("message") or end.get("reason") or "no reason given")
    return Verdict.FAILED, f"{what} failed: {said}"


def _evidence(place: Place, name: str) -> dict[str, Any]:
    """Exit status and log tail of the Job's last pod, as far as the cluster tells."""
    try:
        pods = place.cluster.list("v1", "Pod", place.namespace, labels=f"job-name={name}")
    except RelightError as error:
        return {"pods": f"could not be asked: {type(error).__name__}"}
    if not pods:
        return {"pods": "none"}
    pod = max(pods, key=lambda item: str(item["metadata"].get("creationTimestamp", "")))
    found: dict[str, Any] = {"pod": pod["metadata"]["name"], "exit_code": _exit_code(pod), "waiting": waiting_reason(pod)}
    return found | {"log": redacted_tail(place.cluster, place.namespace, pod)}


def _exit_code(pod: Object) -> int | None:
    """The first container's that ended badly, else 0 where one ended."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    codes = [ended["exitCode"] for item in statuses if (ended := (item.get("state") or {}).get("terminated"))]
    return next((int(code) for code in codes if code), 0 if codes else None)
