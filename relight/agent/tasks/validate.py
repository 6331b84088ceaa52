"""Validate: every validator of the app looks at what was restored; their verdicts become the evidence to approve."""

from relight.agent.job import Job
from relight.agent.site import Proof, Restored
from relight.errors import PlanDrifted
from relight.evidence.binding import evidence_hash
from relight.evidence.brief import brief_checks
from relight.evidence.scrub import scrub
from relight.model import Check, Validation, canonical, decode, encode
from relight.recovery.context import Recipe
from relight.recovery.validators import ValidationContext, completeness, judge, run_all, unnoticed


def perform(job: Job) -> Validation:
    """Never raises for a failed check. Raises PlanDrifted when something else than the run's plan stands here."""
    restored = _restored(job)
    job.cluster_ready()
    recipe = job.watch.wait(job.fetched.recipe)
    checks = (
        *completeness(restored.outcome, restored.counts, recipe.app.allow_partial),
        *run_all(recipe.validators, _context(job, recipe)),
    )
    checks = decode(scrub(encode(checks)), tuple[Check, ...])  # what an app logs may hold a key
    evidence = job.keep("checks", "json", canonical(_document(job, checks)))
    validation = Validation(
        verdict=judge(checks),
        checks=brief_checks(checks),
        evidence=evidence,
        evidence_hash=evidence_hash(job.order.plan.hash, job.order.plan.metadata_sha256, evidence.sha256),
    )
    job.watch.go_on()  # an answer that nobody waits for proves nothing
    proof = Proof(run_id=job.order.run.run_id, verdict=validation.verdict, evidence_hash=validation.evidence_hash)
    job.bench.site.prove(proof)
    return validation


def _restored(job: Job) -> Restored:
    restored = job.bench.site.restored()
    if restored is None or not restored.covers(job.order):
        found = f"plan {restored.plan_hash[:12]} of run {restored.run_id}" if restored else "nothing"
        raise PlanDrifted(
            f"validate: the runner holds {found}, not the whole of plan {job.order.plan.hash[:12]}; "
            "a verdict would be about something else; restore first"
        )
    return restored


def _context(job: Job, recipe: Recipe) -> ValidationContext:
    objects = job.watch.wait(job.fetched.objects)
    return ValidationContext(
        cluster=job.bench.cluster,
        namespace=recipe.target,
        run_id=job.order.run.run_id,
        data_dir=job.bench.site.data,
        index=job.bench.site.index,
        attempt=job.task.attempt,
        restored_at=job.bench.site.restored_at(),
        expected=tuple(item.identity for item in objects if item.object is not None),
        development=recipe.app.development,
    )


def _document(job: Job, checks: tuple[Check, ...]) -> object:
    """What the evidence hash covers besides plan and backup."""
    negative = job.order.run.negative_control
    return {
        "run_id": job.order.run.run_id,
        "attempt": job.task.attempt,
        "plan": job.order.plan.hash,
        "metadata_sha256": job.order.plan.metadata_sha256,
        "negative_control": negative,
        "unnoticed": list(unnoticed(checks)) if negative else [],
        "checks": encode(checks),
    }
