"""Applies a plan to a cluster: wave after wave, each wave concurrently, each object by server-side apply."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from relight.errors import PlanDrifted, RelightError
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.ledger import Fate, Ledger, LedgerRow
from relight.recovery.objects import Identity
from relight.recovery.patience import Deadline, Patience, poll
from relight.recovery.plan import OpenedPlan
from relight.recovery.prepare import PlannedObject
from relight.recovery.volumes import place

CONCURRENCY = 16
RESTORE_SECONDS = 1500.0
ESTABLISHED_SECONDS = 60.0

Versions = dict[Identity, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applier:
    """``data_dir``: where the runner unpacks volumes. ``seconds``: after them, what is left fails instead of waiting."""

    cluster: ClusterApi
    data_dir: Path
    concurrency: int = CONCURRENCY
    seconds: float = RESTORE_SECONDS
    established_seconds: float = ESTABLISHED_SECONDS
    patience: Patience = field(default_factory=Patience)
    progress: Callable[[LedgerRow], None] = lambda _: None

    def run(self, objects: Sequence[PlannedObject]) -> Ledger:
        deadline = Deadline.after(self.seconds)
        rows: dict[int, LedgerRow] = {}
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="apply") as pool:
            for _, wave in groupby(sorted(objects, key=lambda item: item.wave), key=lambda item: item.wave):
                items = list(wave)
                before = self._versions(items, pool, deadline)
                for item, row in zip(items, pool.map(partial(self._one, before, deadline), items), strict=True):
                    rows[id(item)] = row
        return Ledger(tuple(rows[id(item)] for item in objects))

    def _one(self, before: Versions, deadline: Deadline, item: PlannedObject) -> LedgerRow:
        row = self._applied(item, before, deadline) if item.object is not None else LedgerRow.of(item)
        self.progress(row)
        return row

    def _applied(self, item: PlannedObject, before: Versions, deadline: Deadline) -> LedgerRow:
        if deadline.passed or item.object is None:
            return LedgerRow.of(item, Fate.FAILED, "the restore's time was over before its turn")
        obj = place(item.object, self.data_dir)
        try:
            after = self.patience.persist(lambda: self.cluster.apply(obj), deadline)
        except RelightError as error:
            return LedgerRow.of(item, Fate.FAILED, f"{type(error).__name__}: {error}")
        if item.identity.kind == "CustomResourceDefinition" and not self._established(after, deadline):
            return LedgerRow.of(item, Fate.FAILED, f"was not established within {self.established_seconds:.0f} s")
        return _row(item, before.get(item.identity), after["metadata"].get("resourceVersion", ""))

    def _established(self, crd: Object, deadline: Deadline) -> bool:
        """Resources of a kind are refused until their CRD is established; only then may the next wave start."""
        limit = deadline.sooner(self.established_seconds)
        name, version = crd["metadata"]["name"], crd["apiVersion"]

        def ask() -> bool | None:
            now = self.patience.persist(lambda: self.cluster.get(version, crd["kind"], None, name), limit)
            conditions = ((now or {}).get("status") or {}).get("conditions") or []
            return any(item["type"] == "Established" and item["status"] == "True" for item in conditions) or None

        try:
            return poll(ask, limit, every=0.05, longest=0.5) or False
        except RelightError:
            return False

    def _versions(self, items: Iterable[PlannedObject], pool: ThreadPoolExecutor, deadline: Deadline) -> Versions:
        """What is there before the wave: one listing a kind tells "unchanged" from "created" for all of its objects."""
        asked = {(obj["apiVersion"], obj["kind"], item.identity) for item in items if (obj := item.object) is not None}
        kinds = {(version, kind, who.group, who.namespace) for version, kind, who in asked}
        found: Versions = {}
        for part in pool.map(partial(self._listed, deadline), kinds):
            found |= part
        return found

    def _listed(self, deadline: Deadline, kind: tuple[str, str, str, str]) -> Versions:
        version, name, group, namespace = kind
        try:
            listed = self.patience.persist(lambda: self.cluster.list(version, name, namespace or None), deadline)
        except RelightError:
            return {}  # applying will say what is wrong, object by object
        return {
            Identity(group, name, namespace, obj["metadata"]["name"]): obj["metadata"].get("resourceVersion", "")
            for obj in listed
        }


def apply_plan(applier: Applier, plan: OpenedPlan, objects: Sequence[PlannedObject]) -> Ledger:
    """Restores the objects. Raises PlanDrifted, before anything is applied, when one is not what the plan covers.

    One object's failure is its row's: the others go on. Repeating it on the same cluster changes nothing.
    """
    check_digests(plan, objects, "sha256")
    return applier.run(objects)


def check_digests(plan: OpenedPlan, objects: Sequence[PlannedObject], form: str) -> None:
    """Raises PlanDrifted. ``form``: ``sha256`` for what Restore applies, ``released_sha256`` for what Promote does."""
    for item, row in zip(objects, plan.rows, strict=False):
        if getattr(item, form) != row[form] or item.identity.name != row["name"]:
            raise PlanDrifted(f"{item.identity} is not the object whose digest the plan covers; make a new plan")
    if len(objects) != len(plan.rows):
        raise PlanDrifted(f"the plan covers {len(plan.rows)} objects, not {len(objects)}; make a new plan")


def _row(item: PlannedObject, before: str | None, after: str) -> LedgerRow:
    if before is None:
        return LedgerRow.of(item)
    if before == after:
        return LedgerRow.of(item, Fate.UNCHANGED, "it was there already, exactly so")
    return replace(LedgerRow.of(item), reason="it was there already, and was changed to the plan's form")
