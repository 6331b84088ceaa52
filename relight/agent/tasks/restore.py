"""Restore: volumes in place first, then every object of the plan, wave by wave, into a clean cluster - or onto what an
earlier restore of the same plan left, where that is still what it was."""

import shutil
import time
from pathlib import Path

from relight.agent.job import Job
from relight.agent.logs import log
from relight.agent.site import Made, Restored
from relight.agent.tasks.earlier import STAYS, settle
from relight.errors import RelightError
from relight.model import Check, Restoration
from relight.recovery.apply import Applier, apply_plan
from relight.recovery.damage import damage_files, damage_objects
from relight.recovery.hooks import HookPlace, run_hooks
from relight.recovery.ledger import Ledger
from relight.recovery.plan import OpenedPlan
from relight.recovery.prepare import PlannedObject

SHOWN = 10  # surprises in the answer; the ledger has them all
MARGIN_SECONDS = 20.0  # of the task's deadline, kept for the ledger, the receipt and the answer


def perform(job: Job) -> Restoration:
    """Raises what the backup's reader, the plan and the cluster raise; an object that fails is a row of the ledger."""
    started = time.monotonic()
    fetched = job.fetched
    try:
        unpacking = fetched.volumes()  # begun when the order came, unless an earlier restore has taken them
        plan, objects = job.watch.wait(fetched.plan), job.watch.wait(fetched.objects)
        staged = job.watch.wait(unpacking)
    except RelightError:
        job.bench.forget(fetched)
        raise
    job.cluster_ready()
    earlier = settle(job, staged.tree)
    restored = _begin(job, objects)
    fetched.taken()
    if earlier == STAYS:
        shutil.rmtree(staged.tree, ignore_errors=True)
    else:
        _put_in_place(job, staged.tree)
    log.info("volumes in place, cluster ready", run_id=restored.run_id)
    ledger = _apply(job, plan, objects)
    log.info("objects applied", run_id=restored.run_id, outcome=ledger.outcome)
    hooks = _hooks(job)
    job.bench.site.end(restored, ledger.outcome, ledger.counts)
    return Restoration(
        outcome=ledger.outcome,
        ledger=job.keep("ledger", "jsonl", ledger.dump()),
        counts=ledger.counts,
        volume_bytes=staged.bytes,
        volume_files=staged.files,
        seconds=round(time.monotonic() - started, 3),
        cluster=str(job.bench.cluster.version().get("gitVersion", "unknown")),
        hooks=hooks,
        forecast=ledger.score,
        surprises=tuple(map(str, ledger.surprises[:SHOWN])),
        earlier=earlier,
    )


def _hooks(job: Job) -> tuple[Check, ...]:
    """The app's own commands after a restore. A repeated restore begins with fresh data, and runs them anew."""
    recipe = job.watch.wait(job.fetched.recipe)
    at = HookPlace(
        cluster=job.bench.cluster,
        namespace=job.namespace,
        seed=(job.order.run.run_id, job.task.attempt),
        development=recipe.app.development,
    )
    return run_hooks(recipe.app.hooks, "after_restore", at)


def _apply(job: Job, plan: OpenedPlan, objects: tuple[PlannedObject, ...]) -> Ledger:
    """A negative control's copy is damaged: its files before a pod can open them, its objects once they are there."""
    if not job.order.run.negative_control:
        return apply_plan(_applier(job), plan, objects)
    validators = job.watch.wait(job.fetched.recipe).validators
    done = damage_files(job.bench.site.volumes, validators)
    ledger = apply_plan(_applier(job), plan, objects)
    done += damage_objects(job.bench.cluster, job.namespace, validators)
    log.warning("negative control: the restored copy was damaged", count=len(done), first=done[:5])
    return ledger


def _applier(job: Job) -> Applier:
    seconds = max(0.0, job.watch.left() - MARGIN_SECONDS)
    site = job.bench.site
    return Applier(cluster=job.bench.cluster, data_dir=site.data, seconds=seconds, progress=lambda _: job.watch.go_on())


def _begin(job: Job, objects: tuple[PlannedObject, ...]) -> Restored:
    made = [
        Made(api_version=obj["apiVersion"], kind=obj["kind"], namespace=item.identity.namespace, name=item.identity.name)
        for item in objects
        if (obj := item.object) is not None
    ]
    plan = job.order.plan
    restored = Restored(
        run_id=job.order.run.run_id,
        plan_hash=plan.hash,
        metadata_sha256=plan.metadata_sha256,
        objects=tuple(made),
        damaged=job.order.run.negative_control,
    )
    job.bench.site.begin(restored)
    return restored


def _put_in_place(job: Job, staged: Path) -> None:
    """What the archive held, from staging to where the volumes' paths lead: renames on one disk, no copy."""
    site = job.bench.site
    (staged / site.volumes.name).mkdir(exist_ok=True)  # a backup without claims has none
    for place in (site.volumes, site.index):
        if (arrived := staged / place.name).exists():
            arrived.rename(place)
    shutil.rmtree(staged, ignore_errors=True)
