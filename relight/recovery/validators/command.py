"""``command``: a container of the user's own looks at the restored app, and its exit status is the verdict.

It runs as a Job in the app's namespace. The claims it names are mounted at ``/claims/<claim>``, read-only.
"""

from relight.config import Validator
from relight.recovery.cluster import Object
from relight.recovery.patience import Deadline
from relight.recovery.validators import jobs
from relight.recovery.validators.context import Finding, ValidationContext

MOUNTED = "/claims"


def check(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    job = job_of(validator, context, validator.command, int(deadline.left))
    return jobs.run("the command", validator, context, deadline, job)


def job_of(validator: Validator, context: ValidationContext, command: tuple[str, ...], seconds: int) -> Object:
    """A Job of one container. It holds no token of the cluster's, and cannot gain rights."""
    claims = validator.claims
    container: Object = {
        "name": "check",
        "image": validator.image,
        "command": list(command),
        "volumeMounts": [{"name": f"claim-{i}", "mountPath": f"{MOUNTED}/{name}"} for i, name in enumerate(claims)],
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    for mount in container["volumeMounts"]:
        mount["readOnly"] = True
    if validator.secret:
        container["envFrom"] = [{"secretRef": {"name": validator.secret}}]
    volumes = [
        {"name": f"claim-{i}", "persistentVolumeClaim": {"claimName": name, "readOnly": True}}
        for i, name in enumerate(claims)
    ]
    pod: Object = {"containers": [container], "volumes": volumes, "automountServiceAccountToken": False}
    name = jobs.job_name(validator, context)
    metadata = {"name": name, "namespace": context.namespace, "labels": dict(jobs.MANAGED)}
    job: Object = {"apiVersion": jobs.BATCH, "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}}}
    return jobs.once(job, seconds)
