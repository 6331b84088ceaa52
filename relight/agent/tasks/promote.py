"""Promote: lifts the quarantine of what was restored, validated and approved here."""

from relight.agent.job import Job
from relight.errors import NotProven, PromotionFailed
from relight.evidence.brief import brief_actions
from relight.model import ActionResult, Promotion, Verdict, canonical, decode, encode, now
from relight.recovery.release import LIFT_SECONDS, lift


def perform(job: Job) -> Promotion:
    """Raises NotProven, PlanDrifted, and PromotionFailed when a part of the app stays quarantined."""
    _check_proof(job)
    job.cluster_ready()
    plan, objects = job.watch.wait(job.fetched.plan), job.watch.wait(job.fetched.objects)
    seconds = min(LIFT_SECONDS, job.watch.left())
    actions = lift(job.bench.cluster, plan, objects, job.bench.site.data, seconds)
    if undone := [f"{one.target}: {one.detail}" for one in actions if not one.done or one.verdict == Verdict.FAILED]:
        raise PromotionFailed(
            f"promote: {'; '.join(undone)}; the app stays quarantined in part; see the receipt, then run again"
        )
    whole = job.keep("lifted", "json", canonical(encode(actions)))
    return Promotion(promoted_at=now(), actions=(*_done(job), *brief_actions(actions, whole)))


def _done(job: Job) -> tuple[ActionResult, ...]:
    """What the promote function has done before it gave the task."""
    return tuple(decode(raw, ActionResult) for raw in job.task.inputs.get("actions", ()))


def _check_proof(job: Job) -> None:
    """This runner's own memory, beside the control plane's checks: it lifts nothing that it did not see pass."""
    proof = job.bench.site.proof()
    approved = job.task.inputs.get("evidence_hash")
    if proof is None or proof.verdict != Verdict.PASSED or proof.run_id != job.order.run.run_id:
        raise NotProven("promote: no PASSED validation of this run on this runner; nothing was promoted; validate it first")
    if approved is not None and approved != proof.evidence_hash:
        raise NotProven(
            "promote: the approval is bound to other evidence than this runner's; nothing was promoted; approve again"
        )
