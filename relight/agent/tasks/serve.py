"""The last of Serve: the promoted site writes nothing more, and a last backup holds all that it wrote.

The answer ends Serve, so there is none before every step is done: what stopped it is on record, production stays, and asked
again it goes on with the step that is not done.
"""

from collections.abc import Callable

from relight.agent.desk import one_line
from relight.agent.job import Job
from relight.agent.logs import log
from relight.agent.site import Production
from relight.backup.verify import problems
from relight.errors import FailbackStopped, RelightError, RequestInvalid
from relight.evidence.brief import LONGEST
from relight.model import ActionResult, Frozen, now
from relight.recovery.release import freeze


def perform(job: Job) -> Frozen:
    """Raises FailbackStopped, which is no answer."""
    if (action := job.task.inputs.get("action")) != "freeze":
        raise RequestInvalid(f"serve action {action!r}", "this agent does not do that", "it does: freeze")
    site = job.bench.site
    steps = {step.action: step for step in site.failback()}
    for name, does in STEPS.items():
        if name not in steps or not steps[name].done:
            steps[name] = _tried(does, job, name)
            site.fail_back(tuple(steps.values()))
            log.info(f"failback: {name}: {steps[name].detail}", done=steps[name].done)
        if not steps[name].done:
            raise FailbackStopped(f"failback stopped at {name}: {steps[name].detail}")
    if job.task.inputs.get("hold"):
        raise FailbackStopped("failback is held, as it was asked for: nothing is handed back before it is asked again")
    production = site.production()
    detail = "; ".join(f"{step.action}: {step.detail}" for step in steps.values())[:LONGEST]
    asked = job.task.inputs
    return Frozen(
        requested_by=str(asked.get("requested_by", "unknown")),
        frozen=True,
        detail=detail,
        at=now(),
        taken=production.taken if production else None,
        steps=tuple(steps.values()),
        cycle=int(asked.get("cycle", 0)),
    )


def unable(job: Job, error: Exception) -> Frozen:
    """Raises FailbackStopped, whatever went wrong: an answer would end Serve, and tear production down."""
    log.error(f"failback stopped: {one_line(error)}", phase=job.task.phase)
    if isinstance(error, FailbackStopped):
        raise error
    raise FailbackStopped(f"failback stopped: {type(error).__name__}: {one_line(error)}") from error


# ---------------------------------------------------------------- the steps
def _freeze(job: Job, name: str) -> ActionResult:
    job.cluster_ready()
    actions = freeze(job.bench.cluster, job.namespace)
    undone = [f"{action.target}: {action.detail}" for action in actions if not action.done]
    detail = "; ".join(undone)[:LONGEST] or f"{len(actions)} action(s)"
    return ActionResult(action=name, target=f"namespace {job.namespace}", done=not undone, detail=detail)


def _back_up(job: Job, name: str) -> ActionResult:
    taken = job.bench.taking.take(job.order, job.watch.left(), job.watch.sleep)
    before = job.bench.site.production() or Production(began_at=now())
    job.bench.site.serve(Production(began_at=before.began_at, tried_at=taken.created_at, taken=taken))
    found = [*map(one_line, problems(job.bench.store, taken.uri, deep=True)), *filter(None, [taken.unsure])]
    detail = "; ".join(found)[:LONGEST] or f"{taken.backup_id}, taken after the freeze; every byte verified"
    return ActionResult(action=name, target=taken.uri, done=not found, detail=detail)


Step = Callable[[Job, str], ActionResult]
STEPS: dict[str, Step] = {"freeze": _freeze, "final backup": _back_up}


def _tried(does: Step, job: Job, name: str) -> ActionResult:
    try:
        return does(job, name)
    except RelightError as error:
        return ActionResult(action=name, target=job.namespace, done=False, detail=one_line(error)[:LONGEST])
