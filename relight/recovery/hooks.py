"""Hooks: commands of the app's own, run as Jobs around a backup (``pg_dump``) and after a restore (``pg_restore``)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from relight.config import Hook
from relight.errors import HookFailed, RelightError
from relight.model import Check, Verdict
from relight.recovery.cluster import ClusterApi
from relight.recovery.patience import Deadline
from relight.recovery.validators import jobs
from relight.recovery.validators.context import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPlace:
    """Where an app's hooks run. ``seed`` names the backup or the restore: a repeated one takes up its own Jobs."""

    cluster: ClusterApi
    namespace: str
    seed: tuple[object, ...]
    development: bool = False


def run_hooks(hooks: Sequence[Hook], when: str, at: HookPlace) -> tuple[Check, ...]:
    """Those of the moment ``when``, one after the other. Raises HookFailed at the first that does not end well."""
    return tuple(_run(hook, at) for hook in hooks if hook.when == when)


def forget_hooks(hooks: Sequence[Hook], at: HookPlace) -> None:
    """Ends what a killed attempt at the same backup left running: its dump is not of the moment of this one.

    Raises HookFailed where a Job of it is still there after the hook's deadline, and what the cluster raises.
    """
    for hook in hooks:
        if not jobs.gone(_name(hook, at), at.cluster, at.namespace, Deadline.after(hook.deadline)):
            raise HookFailed(f"{hook.when} hook {hook.name} of the attempt before still runs; delete its Job and try again")


@contextmanager
def around_backup(hooks: Sequence[Hook], at: HookPlace) -> Iterator[None]:
    """``before_backup`` and then, also when the backup fails, ``after_backup``: what was locked is unlocked."""
    try:
        run_hooks(hooks, "before_backup", at)
        yield
    except BaseException as error:
        try:
            run_hooks(hooks, "after_backup", at)
        except RelightError as another:
            error.add_note(str(another))
        raise
    run_hooks(hooks, "after_backup", at)


def _name(hook: Hook, at: HookPlace) -> str:
    return jobs.named(hook.name, *at.seed, hook.when, hook.name)


def _run(hook: Hook, at: HookPlace) -> Check:
    place = Place(
        cluster=at.cluster,
        namespace=at.namespace,
        job=_name(hook, at),
        seconds=hook.deadline,
        read_only=False,
        development=at.development,
    )
    deadline = Deadline.after(hook.deadline)
    job = jobs.job_of(place, hook.image, hook.command, hook.claims, hook.secret)
    found = jobs.run(f"hook {hook.name}", job, place, deadline)
    if found.verdict != Verdict.PASSED:
        said = str(found.evidence.get("log") or "").strip().splitlines()[-1:]
        last = f"; it last said: {said[0][:200]}" if said else ""
        raise HookFailed(f"{hook.when} {found.detail}{last}; nothing after it was done; correct the hook and try again")
    return Check(
        validator=hook.name,
        kind=hook.when,
        verdict=found.verdict,
        detail=found.detail,
        seconds=round(hook.deadline - deadline.left, 3),
        evidence=found.evidence,
    )
