"""``job``: a Job made from the app's own CronJob does its work on the restored state, and ends well."""

from copy import deepcopy

from relight.config import Validator
from relight.model import Verdict
from relight.recovery.cluster import Object
from relight.recovery.patience import Deadline, Patience
from relight.recovery.validators import jobs
from relight.recovery.validators.context import Finding, ValidationContext


def check(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    name, cluster = validator.cronjob or "", context.cluster
    cronjob = Patience().persist(lambda: cluster.get(jobs.BATCH, "CronJob", context.namespace, name), deadline)
    if cronjob is None:
        return Finding(Verdict.COULD_NOT_VERIFY, f"there is no CronJob {context.namespace}/{name} to make a Job from")
    place = jobs.place(validator, context)
    return jobs.run(f"the Job of CronJob {name}", job_from(cronjob, place.job, place.seconds), place, deadline)


def job_from(cronjob: Object, name: str, seconds: int) -> Object:
    """A Job of the CronJob's template."""
    template = deepcopy(cronjob["spec"]["jobTemplate"])
    metadata = template.get("metadata") or {}
    job: Object = {
        "apiVersion": jobs.BATCH,
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": cronjob["metadata"]["namespace"],
            "labels": {**(metadata.get("labels") or {}), **jobs.MANAGED},
            "annotations": {**(metadata.get("annotations") or {}), "cronjob.kubernetes.io/instantiate": "manual"},
        },
        "spec": template["spec"],
    }
    return jobs.once(job, seconds)
