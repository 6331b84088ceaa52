"""``fence_role``, ``fence_cronjobs``: the old primary does nothing more. That it cannot be reached stops no promotion."""

import json

from relight.adapters import primary, roles
from relight.adapters.notes import Note
from relight.errors import ActionMoved
from relight.model import Verdict, canonical
from relight.promoteconfig import PromoteAction
from relight.promotion.kind import Kind, Scene, Seen, Swap, Verified, change

FREE, DENIED = "free", "denied everything"


def _role(action: PromoteAction) -> str:
    return action.role.rpartition("/")[2]


def _seen(scene: Scene, action: PromoteAction) -> Seen:
    before = _look(action)
    return Seen(target=f"role {_role(action)}", before=before, after=DENIED, told=change(str, before, DENIED))


def _look(action: PromoteAction) -> str:
    return DENIED if roles.denied(_role(action)) else FREE


ROLE = Swap(
    seen=_seen,
    look=lambda note: _look(note.action),
    swap=lambda note, old, new: (roles.deny if new == DENIED else roles.allow)(_role(note.action)),
    essential=False,
)


class CronJobs(Kind):
    """``before`` and ``after``: each CronJob, and whether it is suspended. ``target`` names the namespace."""

    essential, asks = False, False  # Approve may not read the kubeconfig

    def plan(self, scene: Scene, action: PromoteAction) -> Seen:
        with primary.reached(action.kubeconfig) as cluster:
            found = primary.suspended(cluster, scene.namespace)
        running = sorted(name for name, still in found.items() if not still)
        told = f"suspended: {', '.join(running)}" if running else "none is to be suspended"
        after = canonical(dict.fromkeys(found, True)).decode()
        return Seen(target=scene.namespace, before=canonical(found).decode(), after=after, told=told)

    def do(self, scene: Scene, note: Note) -> str:
        self._set(note, True)
        return ""

    def verify(self, scene: Scene, note: Note) -> Verified:
        with primary.reached(note.action.kubeconfig) as cluster:
            found = primary.suspended(cluster, note.target)
            jobs = [one for one in cluster.list("batch/v1", "Job", note.target) if (one.get("status") or {}).get("active")]
        if running := sorted(name for name, still in found.items() if not still):
            return Verdict.FAILED, f"not suspended: {', '.join(running)}"
        names = ", ".join(sorted(one["metadata"]["name"] for one in jobs))
        return Verdict.PASSED, f"{len(found)} suspended" + (f"; still running: {names}" if names else "")

    def undo(self, scene: Scene, note: Note) -> str:
        """Those that the run suspended; one that is gone since is no matter of ours."""
        missing = self._set(note, False)
        if missing:
            raise ActionMoved(f"{note.target}: resumed, but for {', '.join(missing)}, which the primary has no more")
        return "resumed"

    def behind(self, found: str | None, earlier: Note) -> str | None:
        """One that the primary made since is as it was found."""
        ours = {name for name, was in json.loads(earlier.before or "{}").items() if not was}
        return canonical({name: was and name not in ours for name, was in json.loads(found or "{}").items()}).decode()

    @staticmethod
    def _set(note: Note, value: bool) -> list[str]:
        ours = [name for name, was in json.loads(note.before or "{}").items() if not was]
        with primary.reached(note.action.kubeconfig) as cluster:
            found = primary.suspended(cluster, note.target)
            for name in ours:
                if name in found and found[name] != value:
                    primary.suspend(cluster, note.target, name, value)
        return sorted(set(ours) - set(found))
