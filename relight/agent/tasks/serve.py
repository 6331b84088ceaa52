"""The last of Serve: the promoted site writes nothing more, and a last backup holds all that it wrote.

The answer ends Serve, so there is none before every step is done: what stopped it is on record, production stays, and asked
again it goes on with the step that is not done. Until it has answered, the freeze can be ended again.
"""

from collections.abc import Callable

from relight.agent.desk import one_line
from relight.agent.job import Job
from relight.agent.logs import log
from relight.agent.site import Production
from relight.backup.verify import problems
from relight.errors import FailbackStopped, RelightError, RequestInvalid
from relight.evidence.brief import LONGEST
from relight.model import ActionResult, Frozen, decode, now
from relight.recovery.release import FREEZE, UNFREEZE, freeze, unfreeze

HANDED_OVER = "answer"  # a step that only the agent knows: from here on the pointers may move


def perform(job: Job) -> Frozen:
    """Raises FailbackStopped, which is no answer."""
    action = str(job.task.inputs.get("action"))
    if action not in ACTIONS:
        raise RequestInvalid(f"serve action {action!r}", "this agent does not do that", f"it does: {', '.join(ACTIONS)}")
    return ACTIONS[action](job)


def _hand_over(job: Job) -> Frozen:
    steps, inputs = _gone_through(job), job.task.inputs
    if inputs.get("hold"):
        raise FailbackStopped("failback is held, as it was asked for: nothing is handed back before it is asked again")
    handed = ActionResult(action=HANDED_OVER, target=job.namespace, done=True, detail="the pointers may go back")
    job.bench.site.fail_back((*steps, handed))
    production = job.bench.site.production()
    onto = inputs.get("restored")
    return Frozen(
        requested_by=str(inputs.get("requested_by", "unknown")),
        frozen=True,
        detail="; ".join(f"{step.action}: {step.detail}" for step in steps)[:LONGEST],
        at=now(),
        taken=production.taken if production else None,
        steps=(*steps, decode(onto, ActionResult)) if onto else steps,
        cycle=int(inputs.get("cycle", 0)),
    )


def _gone_through(job: Job) -> tuple[ActionResult, ...]:
    """The steps of a failback, each done now or before. Raises FailbackStopped at the first that is not."""
    site = job.bench.site
    known = {step.action: step for step in site.failback()}
    steps = {name: known[name] for name in STEPS if name in known}
    for name, does in STEPS.items():
        if name not in steps or not steps[name].done:
            steps[name] = _tried(does, job, name)
            site.fail_back(tuple(steps.values()))
            log.info(f"failback: {name}: {steps[name].detail}", done=steps[name].done)
        if not steps[name].done:
            raise FailbackStopped(f"failback stopped at {name}: {steps[name].detail}")
    return tuple(steps.values())


def _unfreeze(job: Job) -> Frozen:
    """No answer: Serve goes on, as if nobody had asked for a failback."""
    site = job.bench.site
    if any(step.action == HANDED_OVER for step in site.failback()):
        raise FailbackStopped("unfreeze: production is being handed back already; nothing was changed")
    step = _tried(_wake, job, UNFREEZE)
    site.fail_back(() if step.done else (*(one for one in site.failback() if one.action != UNFREEZE), step))
    raise FailbackStopped(f"{UNFREEZE}: {step.detail}; production goes on here")


def unable(job: Job, error: Exception) -> Frozen:
    """Raises FailbackStopped, whatever went wrong: an answer would end Serve, and tear production down."""
    log.error(f"failback stopped: {one_line(error)}", phase=job.task.phase)
    if isinstance(error, FailbackStopped):
        raise error
    raise FailbackStopped(f"failback stopped: {type(error).__name__}: {one_line(error)}") from error


# ---------------------------------------------------------------- the steps
def _freeze(job: Job, name: str) -> ActionResult:
    job.cluster_ready()
    return _summed(job, name, freeze(job.bench.cluster, job.namespace))


def _summed(job: Job, name: str, actions: tuple[ActionResult, ...]) -> ActionResult:
    undone = [f"{action.target}: {action.detail}" for action in actions if not action.done]
    detail = "; ".join(undone)[:LONGEST] or f"{len(actions)} action(s)"
    return ActionResult(action=name, target=f"namespace {job.namespace}", done=not undone, detail=detail)


def _wake(job: Job, name: str) -> ActionResult:
    job.cluster_ready()
    return _summed(job, name, unfreeze(job.bench.cluster, job.namespace))


def _back_up(job: Job, name: str) -> ActionResult:
    taken = job.bench.taking.take(job.order, job.watch.left(), job.watch.sleep)
    before = job.bench.site.production() or Production(began_at=now())
    job.bench.site.serve(Production(began_at=before.began_at, tried_at=taken.created_at, taken=taken))
    found = [*map(one_line, problems(job.bench.store, taken.uri, deep=True)), *filter(None, [taken.unsure])]
    detail = "; ".join(found)[:LONGEST] or f"{taken.backup_id}, taken after the freeze; every byte verified"
    return ActionResult(action=name, target=taken.uri, done=not found, detail=detail)


Step = Callable[[Job, str], ActionResult]
STEPS: dict[str, Step] = {FREEZE: _freeze, "final backup": _back_up}
ACTIONS: dict[str, Callable[[Job], Frozen]] = {FREEZE: _hand_over, UNFREEZE: _unfreeze}


def _tried(does: Step, job: Job, name: str) -> ActionResult:
    try:
        return does(job, name)
    except RelightError as error:
        return ActionResult(action=name, target=job.namespace, done=False, detail=one_line(error)[:LONGEST])
