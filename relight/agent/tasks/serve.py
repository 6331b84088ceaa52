"""Freeze: the promoted site writes nothing more, so that what it published last is what Failback hands back.

The answer ends Serve. A failure must not: it would tear production down. So what could not be frozen is answered as such.
"""

from relight.agent.desk import one_line
from relight.agent.job import Job
from relight.agent.logs import log
from relight.errors import RequestInvalid
from relight.evidence.brief import LONGEST
from relight.model import Frozen, now
from relight.recovery.release import freeze


def perform(job: Job) -> Frozen:
    if (action := job.task.inputs.get("action")) != "freeze":
        raise RequestInvalid(f"serve action {action!r}", "this agent does not do that", "it does: freeze")
    job.cluster_ready()
    actions = freeze(job.bench.cluster, job.namespace)
    undone = [f"{action.target}: {action.detail}" for action in actions if not action.done]
    detail = "; ".join(undone)[:LONGEST] or f"{len(actions)} action(s) in namespace {job.namespace}"
    return Frozen(requested_by=_by(job), frozen=not undone, detail=detail, at=now())


def unable(job: Job, error: Exception) -> Frozen:
    log.error(f"freeze failed: {one_line(error)}", phase=job.task.phase)
    return Frozen(requested_by=_by(job), frozen=False, detail=f"{type(error).__name__}: {one_line(error)}", at=now())


def _by(job: Job) -> str:
    return str(job.task.inputs.get("requested_by", "unknown"))
