"""What an earlier restore left on this runner: it stays where it is exactly what is to be restored, else it is removed."""

from collections.abc import Iterator
from pathlib import Path

from relight.agent.alike import difference
from relight.agent.job import Job
from relight.agent.site import Made, Restored
from relight.agent.tasks.remove import remove_previous
from relight.model import RestoreOutcome

STAYS = "stays: it is what this plan restores, to the byte"
# What a namespace has of itself, or may get beside what was restored: (api version, kind), and names that say nothing.
BESIDE = frozenset({("v1", "ConfigMap"), ("v1", "Pod"), ("v1", "Secret"), ("batch/v1", "Job")})
OF_THE_CLUSTER = frozenset({"default", "kube-root-ca.crt"})


def settle(job: Job, staged: Path) -> str:
    """What became of it, in words; empty where there was nothing. ``staged``: the volumes that are to be restored.

    Raises ClusterNotReady and the cluster's errors.
    """
    restored = job.bench.site.restored()
    unlike = _unlike(job, restored, staged) if restored else ""
    if restored and not unlike:
        job.bench.site.forget()
        return STAYS
    remove_previous(job)
    return f"was removed: {unlike}" if restored else ""


def _unlike(job: Job, restored: Restored, staged: Path) -> str:
    """Why it cannot stay."""
    order, site = job.order, job.bench.site
    if restored.run_id == order.run.run_id:
        return "this run begins again"
    if not restored.covers(order) or restored.outcome is not RestoreOutcome.COMPLETE:
        return "it was of another plan, or not complete"
    if restored.damaged or order.run.negative_control:
        return "a negative control has a copy of its own"
    if any(hook.when == "after_restore" for hook in job.watch.wait(job.fetched.recipe).app.hooks):
        return "the app's hooks begin with fresh data"
    if found := difference(staged / site.volumes.name, site.volumes):
        return f"{site.volumes.name}/{found}"
    return next(_beside(job, restored), "")


def _beside(job: Job, restored: Restored) -> Iterator[str]:
    """What stands in the app's namespaces, was not restored, and belongs to nobody."""
    inside = [one for one in restored.objects if one.namespace]
    for namespace in sorted({one.namespace for one in inside}):
        for version, kind in sorted({(one.api_version, one.kind) for one in inside} | BESIDE):
            for obj in job.bench.cluster.list(version, kind, namespace, brief=True):
                name, owners = obj["metadata"]["name"], obj["metadata"].get("ownerReferences")
                made = Made(api_version=version, kind=kind, namespace=namespace, name=name)
                if not owners and made not in inside and name not in OF_THE_CLUSTER:
                    yield f"{kind} {namespace}/{name} was not there then"
