"""Jobs: pods until enough succeeded, too many failed, or the time is over."""

from typing import Any

from relight.local.cluster.controllers.base import Controller, itself, name_of, owner, seconds_since
from relight.local.cluster.controllers.replicas import is_alive, is_ready, pod_from
from relight.local.cluster.options import Deletion, now

Obj = dict[str, Any]
RETRY = 1.0  # seconds before a failed pod is tried again, doubled each time (10 in a real cluster)
LONGEST_RETRY = 60.0
INDEX = "batch.kubernetes.io/job-completion-index"


def ended(job: Obj, kind: str = "") -> Obj | None:
    """The condition that ended the job, if it has ended (as ``kind``, where given)."""
    kinds = (kind,) if kind else ("Complete", "Failed")
    conditions = job.get("status", {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] in kinds and one["status"] == "True"), None)


def _condition(kind: str, status: bool = True, reason: str = "", message: str = "") -> Obj:
    stamp = now()
    shown = {"type": kind, "status": str(status), "lastProbeTime": stamp, "lastTransitionTime": stamp}
    return shown | ({"reason": reason, "message": message} if reason else {})


def _phase(pod: Obj) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))


def _restarts(pods: list[Obj]) -> int:
    statuses = (one for pod in pods for one in pod.get("status", {}).get("containerStatuses") or ())
    return sum(one["restartCount"] for one in statuses)


class Jobs(Controller):
    watches = {"jobs.batch": itself, "pods": owner("Job")}  # noqa: RUF012

    def reconcile(self, namespace: str, name: str) -> float | None:
        job = self.current("jobs.batch", namespace, name)
        if job is None:
            return None
        if ended(job):
            return self._expire(job)
        if job["spec"]["suspend"]:
            self._suspend(job)
            return None
        status = dict(job.get("status") or {})
        if "startTime" not in status:
            resumed = [_condition("Suspended", False, "JobResumed", "Job resumed")] if status.get("conditions") else []
            status |= {"startTime": now()} | ({"conditions": resumed} if resumed else {})
        return self._advance(job, status)

    def _advance(self, job: Obj, status: Obj) -> float | None:
        pods = self.children("pods", job)
        done = [pod for pod in pods if _phase(pod) == "Succeeded"]
        failed = [pod for pod in pods if _phase(pod) == "Failed"]
        alive = [pod for pod in pods if is_alive(pod)]
        status |= {"succeeded": len(done), "failed": len(failed)}
        limit = job["spec"].get("activeDeadlineSeconds")
        age = seconds_since(status["startTime"])
        if (over := self._verdict(job, status, pods, age)) is not None:
            self._finish(job, status, alive, over)
            return 0.02
        wait = self._fill(job, done, failed, alive)
        self._report(job, status)
        waits = [wait] if wait else []
        return min([*waits, limit - age + 0.05] if limit else waits, default=None)

    def _verdict(self, job: Obj, status: Obj, pods: list[Obj], age: float) -> Obj | None:
        """The condition that ends the job now, or None while it goes on."""
        spec = job["spec"]
        if status["succeeded"] >= spec["completions"]:
            return _condition("Complete", reason="CompletionsReached", message="Reached expected number of succeeded pods")
        if status["failed"] + _restarts(pods) > spec["backoffLimit"]:
            return _condition("Failed", reason="BackoffLimitExceeded", message="Job has reached the specified backoff limit")
        if "activeDeadlineSeconds" in spec and age >= spec["activeDeadlineSeconds"]:
            return _condition("Failed", reason="DeadlineExceeded", message="Job was active longer than specified deadline")
        return None

    def _finish(self, job: Obj, status: Obj, alive: list[Obj], over: Obj) -> None:
        for pod in alive:
            self.discard("pods", pod)
        complete = over["type"] == "Complete"
        first = over | {"type": "SuccessCriteriaMet" if complete else "FailureTarget"}
        status = {field: value for field, value in status.items() if value and field not in ("active", "ready")}
        status |= {"conditions": [first, over]} | ({"completionTime": now()} if complete else {})
        self.api.set_status("jobs.batch", job, status)
        self.record(job, "Normal" if complete else "Warning", "Completed" if complete else over["reason"], over["message"])

    def _fill(self, job: Obj, done: list[Obj], failed: list[Obj], alive: list[Obj]) -> float | None:
        """Ends pods beyond the parallelism, or starts what is missing; returns how long a failure asks to wait with that."""
        spec = job["spec"]
        missing = min(spec["parallelism"], spec["completions"] - len(done)) - len(alive)
        for pod in alive[: max(-missing, 0)]:
            self.discard("pods", pod)
        if missing <= 0:
            return None
        if failed:
            pause = min(RETRY * 2 ** (len(failed) - 1), LONGEST_RETRY)
            since = min(seconds_since(_ended_at(pod)) for pod in failed)
            if since < pause:
                return float(pause - since)
        taken = {pod["metadata"]["annotations"].get(INDEX) for pod in [*done, *alive] if "annotations" in pod["metadata"]}
        free = [index for index in range(spec["completions"]) if str(index) not in taken]
        refused = [self._start(job, index) is None for index in free[:missing]]
        return 1.0 if any(refused) else None

    def _start(self, job: Obj, index: int) -> Obj | None:
        name = job["metadata"]["name"]
        if job["spec"]["completionMode"] != "Indexed":
            return self.spawn("pods", job, pod_from(job["spec"]["template"], generateName=f"{name}-"))
        body = pod_from(job["spec"]["template"], generateName=f"{name}-{index}-", labels={INDEX: str(index)})
        body["metadata"]["annotations"] = body["metadata"]["annotations"] | {INDEX: str(index)}
        for container in body["spec"]["containers"]:
            container["env"] = [*(container.get("env") or ()), {"name": "JOB_COMPLETION_INDEX", "value": str(index)}]
        return self.spawn("pods", job, body)

    def _report(self, job: Obj, status: Obj) -> None:
        alive = [pod for pod in self.children("pods", job) if is_alive(pod)]
        status |= {"active": len(alive), "ready": sum(map(is_ready, alive)), "terminating": 0, "uncountedTerminatedPods": {}}
        kept = {
            field: value
            for field, value in status.items()
            if value or field in ("ready", "terminating", "uncountedTerminatedPods")
        }
        self.api.set_status("jobs.batch", job, kept)

    def _suspend(self, job: Obj) -> None:
        for pod in self.children("pods", job):
            if is_alive(pod):
                self.discard("pods", pod)
        status = {
            name: value for name, value in (job.get("status") or {}).items() if name not in ("startTime", "active", "ready")
        }
        if not any(one["type"] == "Suspended" and one["status"] == "True" for one in status.get("conditions") or ()):
            status["conditions"] = [_condition("Suspended", True, "JobSuspended", "Job suspended")]
        self.api.set_status("jobs.batch", job, status)

    def _expire(self, job: Obj) -> float | None:
        limit, over = job["spec"].get("ttlSecondsAfterFinished"), ended(job)
        if limit is None or over is None:
            return None
        left = limit - seconds_since(over["lastTransitionTime"])
        if left > 0:
            return float(left)
        self.api.delete(self.api.kinds["jobs.batch"], *name_of(job), Deletion(policy="Foreground"))
        return None


def _ended_at(pod: Obj) -> str:
    states = (one.get("state", {}).get("terminated") for one in pod["status"].get("containerStatuses") or ())
    return max((str(state["finishedAt"]) for state in states if state), default=str(pod["metadata"]["creationTimestamp"]))
