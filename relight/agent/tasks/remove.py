"""Removes what an earlier restore made on this runner, so that the next one starts on a clean cluster."""

import shutil

from relight.agent.job import Job
from relight.agent.logs import log
from relight.agent.site import Made, Restored
from relight.errors import ClusterNotReady

GONE_SECONDS = 180.0
STEP = 0.25
# Kubernetes keeps these: what was restored into one is removed object by object.
PERMANENT = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})


def remove_previous(job: Job) -> None:
    """Raises ClusterNotReady when it is not gone within GONE_SECONDS."""
    site = job.bench.site
    if restored := site.restored():
        log.info("removing what an earlier restore made", run_id=restored.run_id)
        going = targets(restored)
        for one in going:
            job.bench.cluster.delete(one.api_version, one.kind, one.namespace or None, one.name)
        _wait_gone(job, going)
    shutil.rmtree(site.volumes, ignore_errors=True)
    site.index.unlink(missing_ok=True)
    site.forget()


def targets(restored: Restored) -> list[Made]:
    """What to delete: namespaces whole, volumes of ours, and single objects where the namespace has to stay.

    Other objects of cluster scope stay: they may have been there before, and applying again corrects them.
    """
    whole = sorted({one.namespace for one in restored.objects} - PERMANENT - {""})
    single = [one for one in reversed(restored.objects) if one.namespace in PERMANENT]
    volumes = [one for one in restored.objects if one.kind == "PersistentVolume"]
    namespaces = [Made(api_version="v1", kind="Namespace", namespace="", name=name) for name in whole]
    return [*single, *namespaces, *volumes]


def _wait_gone(job: Job, going: list[Made]) -> None:
    left = GONE_SECONDS
    while there := [
        one for one in going if job.bench.cluster.get(one.api_version, one.kind, one.namespace or None, one.name)
    ]:
        if (left := left - STEP) <= 0:
            named = ", ".join(f"{one.kind} {one.name}" for one in there)
            raise ClusterNotReady(f"an earlier restore's {named}: still terminating after {GONE_SECONDS:.0f} s; try again")
        going = there
        job.watch.sleep(STEP)
