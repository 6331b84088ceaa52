"""``command``: a container of the user's own looks at the restored app, and its exit status is the verdict."""

from relight.config import Validator
from relight.recovery.patience import Deadline
from relight.recovery.validators import jobs
from relight.recovery.validators.context import Finding, ValidationContext


def check(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    place = jobs.place(validator, context)
    job = jobs.job_of(place, validator.image or "", validator.command, validator.claims, validator.secret)
    return jobs.run("the command", job, place, deadline)
