"""CronJobs: a Job at each due time, unless suspended, forbidden or too late."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter

from relight.local.cluster.controllers.base import Controller, itself, name_of, owner
from relight.local.cluster.controllers.jobs import ended
from relight.local.cluster.options import Deletion
from relight.local.cluster.store import copy

Obj = dict[str, Any]
LONGEST_SLEEP = 60.0
LONGEST_LOOK_BACK = timedelta(days=8)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class CronJobs(Controller):
    watches = {"cronjobs.batch": itself, "jobs.batch": owner("CronJob")}  # noqa: RUF012

    def reconcile(self, namespace: str, name: str) -> float | None:
        cron = self.current("cronjobs.batch", namespace, name)
        if cron is None:
            return None
        self._forget_old(cron)
        cron = self._report(cron)
        if cron["spec"]["suspend"]:
            return None
        clock = datetime.now(ZoneInfo(cron["spec"].get("timeZone") or "UTC"))
        due = self._due(cron, clock)
        if due is not None:
            self._run(cron, due)
        following = croniter(cron["spec"]["schedule"], clock).get_next(datetime)
        return float(min((following - clock).total_seconds() + 0.05, LONGEST_SLEEP))

    def _due(self, cron: Obj, clock: datetime) -> datetime | None:
        """The latest due time that has not been served and is not too late for."""
        since = datetime.fromisoformat(
            cron.get("status", {}).get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]
        )
        due: datetime = croniter(cron["spec"]["schedule"], clock).get_prev(datetime)
        limit = cron["spec"].get("startingDeadlineSeconds")
        earliest = max(since, clock - (timedelta(seconds=limit) if limit is not None else LONGEST_LOOK_BACK))
        return due if due > earliest else None

    def _run(self, cron: Obj, due: datetime) -> None:
        active = [job for job in self.children("jobs.batch", cron) if not ended(job)]
        policy = cron["spec"]["concurrencyPolicy"]
        if active and policy == "Forbid":
            self.record(
                cron,
                "Normal",
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is Forbid",
            )
            return
        if policy == "Replace":
            for job in active:
                self.api.delete(self.api.kinds["jobs.batch"], *name_of(job), Deletion(policy="Background"))
        name = f"{cron['metadata']['name']}-{int(due.timestamp()) // 60}"
        if self.store.get("jobs.batch", cron["metadata"]["namespace"], name) is None:
            self._start(cron, name, due)
        status = (cron.get("status") or {}) | {"lastScheduleTime": _text(due)}
        self._report(self.api.set_status("cronjobs.batch", cron, status))

    def _start(self, cron: Obj, name: str, due: datetime) -> None:
        template = copy(cron["spec"]["jobTemplate"])
        meta = template.get("metadata") or {}
        annotations = (meta.get("annotations") or {}) | {"batch.kubernetes.io/cronjob-scheduled-timestamp": _text(due)}
        body = {
            "metadata": {"name": name, "labels": meta.get("labels") or {}, "annotations": annotations},
            "spec": template["spec"],
        }
        if self.spawn("jobs.batch", cron, body) is not None:
            self.record(cron, "Normal", "SuccessfulCreate", f"Created job {name}")

    def _report(self, cron: Obj) -> Obj:
        status = dict(cron.get("status") or {})
        jobs = self.children("jobs.batch", cron)
        active = [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": job["metadata"]["name"],
                "namespace": job["metadata"]["namespace"],
                "uid": job["metadata"]["uid"],
            }
            for job in jobs
            if not ended(job)
        ]
        finished = [job["status"]["completionTime"] for job in jobs if ended(job, "Complete")]
        status.pop("active", None)
        status |= {"active": active} if active else {}
        status |= {"lastSuccessfulTime": max(finished)} if finished else {}
        return self.api.set_status("cronjobs.batch", cron, status)

    def _forget_old(self, cron: Obj) -> None:
        jobs = self.children("jobs.batch", cron)
        for kind, field in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            over = [job for job in jobs if ended(job, kind)]
            for job in over[: max(len(over) - cron["spec"][field], 0)]:
                self.api.delete(self.api.kinds["jobs.batch"], *name_of(job), Deletion(policy="Background"))
