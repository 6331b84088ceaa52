"""A failback's steps as a table: what is done, what stopped, what is to come. Made of what is on record."""

from collections.abc import Callable
from dataclasses import dataclass

from relight.adapters.table import Asked
from relight.model import ActionResult, Vitals

DONE, STOPPED, AT_WORK, TO_DO, UNKNOWN = "done", "stopped", "at work", "to do", "not looked at"
Told = tuple[str, str]  # state, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """``alive``: the runner, as EC2 shows it. ``primary``: what the operator's own machine saw of it, now.

    ``restored``: how far the promoted site's backup has come onto the primary."""

    alive: bool
    divergence: tuple[str, ...]
    asked: Asked | None
    vitals: Vitals | None
    primary: str = ""
    restored: ActionResult | None = None

    def step(self, name: str) -> ActionResult | None:
        steps = self.vitals.failback if self.vitals else ()
        return next((step for step in steps if step.action == name), None)


def table(facts: Facts) -> list[dict[str, str]]:
    rows = {name: tells(facts) for name, tells in STEPS.items()}
    return [{"step": name, "state": state, "detail": detail} for name, (state, detail) in rows.items()]


def _primary(facts: Facts) -> Told:
    seen = facts.primary or (facts.asked.primary if facts.asked else "")
    return (DONE, seen) if seen else (UNKNOWN, "name its kubeconfig: --primary FILE")


def _divergence(facts: Facts) -> Told:
    return (STOPPED, "; ".join(facts.divergence)) if facts.divergence else (DONE, "the pointers are as this run left them")


def _on_the_runner(name: str, what: str) -> Callable[[Facts], Told]:
    def tell(facts: Facts) -> Told:
        if not facts.alive:
            return UNKNOWN, "the runner is gone: it writes nothing more, and nothing more can be had of it"
        if facts.asked and facts.asked.unfreeze:
            return _unfrozen(facts, what)
        if step := facts.step(name):
            return (DONE if step.done else STOPPED), step.detail
        return (AT_WORK, what) if facts.asked else (TO_DO, what)

    return tell


def _unfrozen(facts: Facts, what: str) -> Told:
    if (step := facts.step("unfreeze")) and not step.done:
        return STOPPED, f"un-freezing: {step.detail}"
    left = facts.vitals.failback if facts.vitals else ()
    return (AT_WORK, "being un-frozen") if left else (TO_DO, what)


def _restored(facts: Facts) -> Told:
    if facts.restored:
        return (DONE if facts.restored.done else STOPPED), f"backup {facts.restored.target}: {facts.restored.detail}"
    return TO_DO, "only if you ask for it: --restore --primary FILE, once it is frozen"


def _later(what: str) -> Callable[[Facts], Told]:
    return lambda facts: (TO_DO, what)


STEPS: dict[str, Callable[[Facts], Told]] = {
    "look at the primary": _primary,
    "look for divergence": _divergence,
    "freeze": _on_the_runner("freeze", "CronJobs suspended, workloads at zero, running pods waited for"),
    "final backup": _on_the_runner("final backup", "taken on the runner, every byte verified"),
    "restore onto the primary": _restored,
    "pointers back": _later("by compare-and-swap, each to what it was before the promotion"),
    "one cycle of the primary": _later("its next publication, as long as it may be waited for"),
    "teardown": _later("the runner is terminated, and none is left"),
}
