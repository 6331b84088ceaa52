"""``ready``: everything that the plan restores and that can be ready is: workloads available, claims bound."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from relight.config import Validator
from relight.errors import RelightError, RetryableError
from relight.model import Verdict
from relight.recovery.cluster import Object
from relight.recovery.objects import Identity
from relight.recovery.patience import Deadline, poll
from relight.recovery.validators.context import Finding, ValidationContext

State = str | None  # None: ready; else what is still missing


def _replicas(counter: str) -> Callable[[Object], State]:
    def state(obj: Object) -> State:
        wanted = (obj.get("spec") or {}).get("replicas", 1)
        status = obj.get("status") or {}
        there = min(status.get(counter) or 0, status.get("updatedReplicas", wanted) or 0) if wanted else 0
        return _current(obj) or (None if there >= wanted else f"{there} of {wanted} available")

    return state


def _daemon(obj: Object) -> State:
    status = obj.get("status") or {}
    wanted, there = status.get("desiredNumberScheduled"), status.get("numberAvailable", status.get("numberReady", 0))
    if wanted is None:
        return "not scheduled yet"
    return _current(obj) or (None if there >= wanted else f"{there} of {wanted} available")


def _current(obj: Object) -> State:
    """A status that is older than the spec says nothing about it."""
    generation = obj["metadata"].get("generation")
    observed = (obj.get("status") or {}).get("observedGeneration")
    return "not observed yet" if generation and observed is not None and observed < generation else None


def _claim(obj: Object) -> State:
    phase = (obj.get("status") or {}).get("phase", "Pending")
    return None if phase == "Bound" else f"is {phase}"


def _pod(obj: Object) -> State:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return None if any(item["type"] == "Ready" and item["status"] == "True" for item in conditions) else "is not ready"


def _present(_: Object) -> State:
    return None


# (group, kind) -> (api version, what is still missing)
READY: dict[tuple[str, str], tuple[str, Callable[[Object], State]]] = {
    ("", "Namespace"): ("v1", _present),
    ("", "PersistentVolumeClaim"): ("v1", _claim),
    ("", "Pod"): ("v1", _pod),
    ("", "Service"): ("v1", _present),
    ("apps", "Deployment"): ("apps/v1", _replicas("availableReplicas")),
    ("apps", "StatefulSet"): ("apps/v1", _replicas("readyReplicas")),
    ("apps", "DaemonSet"): ("apps/v1", _daemon),
    ("batch", "CronJob"): ("batch/v1", _present),
}
NOT_EVIDENCE_ALONE = frozenset({"Namespace", "Service"})


@dataclass(slots=True)
class _Look:
    """One look at the cluster."""

    waiting: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


def check(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    expected = [who for who in context.expected if (who.group, who.kind) in READY]
    if all(who.kind in NOT_EVIDENCE_ALONE for who in expected):
        return Finding(Verdict.COULD_NOT_VERIFY, "the plan restores nothing that can be ready")
    last: list[_Look | RelightError] = []

    def ask() -> _Look | None:
        try:
            look = _look(context, expected)
        except RetryableError as error:
            last[:] = [error]
            return None
        last[:] = [look]
        return look if look.absent or not look.waiting else None

    poll(ask, deadline)
    return _finding(last[0], expected, validator, context)


def _look(context: ValidationContext, expected: list[Identity]) -> _Look:
    by_kind: defaultdict[tuple[str, str, str], list[Identity]] = defaultdict(list)
    for who in expected:
        by_kind[(who.group, who.kind, who.namespace)].append(who)
    look = _Look()
    for (group, kind, namespace), wanted in by_kind.items():
        version, state = READY[(group, kind)]
        there = {obj["metadata"]["name"]: obj for obj in context.cluster.list(version, kind, namespace or None)}
        look.absent += [str(who) for who in wanted if who.name not in there]
        states = {str(who): state(there[who.name]) for who in wanted if who.name in there}
        look.waiting |= {name: missing for name, missing in states.items() if missing}
    return look


def _finding(
    last: _Look | RelightError, expected: list[Identity], validator: Validator, context: ValidationContext
) -> Finding:
    if isinstance(last, RelightError):
        return Finding(Verdict.COULD_NOT_VERIFY, f"the cluster could not be asked: {type(last).__name__}: {last}")
    evidence: dict[str, Any] = {"checked": [str(who) for who in expected]}
    if last.absent:
        return Finding(Verdict.FAILED, f"not there: {', '.join(last.absent)}", evidence | {"absent": last.absent})
    if last.waiting:
        said = ", ".join(f"{name} {missing}" for name, missing in last.waiting.items())
        evidence |= {"waiting": last.waiting, "pods": _pods(context)}
        return Finding(Verdict.TIMED_OUT, f"not ready within {validator.deadline} s: {said}", evidence)
    kinds = sorted({who.kind for who in expected} - NOT_EVIDENCE_ALONE)
    return Finding(Verdict.PASSED, f"{len(expected)} objects ready ({', '.join(kinds)})", evidence)


def _pods(context: ValidationContext) -> dict[str, str]:
    """Why pods wait, in the cluster's words: a help for the reader, so its absence is no fault."""
    try:
        pods = context.cluster.list("v1", "Pod", context.namespace)
    except RelightError:
        return {}
    return {pod["metadata"]["name"]: reason for pod in pods if (reason := waiting_reason(pod))}


def waiting_reason(pod: Object) -> str | None:
    status = pod.get("status") or {}
    for item in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if waiting := (item.get("state") or {}).get("waiting"):
            return f"{waiting.get('reason', 'waiting')}: {waiting.get('message', '')}".rstrip(": ")[:200]
    blocked = [
        item for item in status.get("conditions") or [] if item.get("type") == "PodScheduled" and item["status"] == "False"
    ]
    return f"{blocked[0].get('reason', '')}: {blocked[0].get('message', '')}"[:200] if blocked else None
