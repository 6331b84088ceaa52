"""Applies a plan to a cluster: wave after wave, each wave concurrently, each object by server-side apply."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from relight.errors import ClusterNotReady, PlanDrifted, RelightError
from relight.records import replace
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.ledger import Fate, Ledger, LedgerRow
from relight.recovery.objects import Identity
from relight.recovery.pace import Pace
from relight.recovery.patience import Deadline, Patience, poll
from relight.recovery.plan import OpenedPlan
from relight.recovery.prepare import PlannedObject
from relight.recovery.standing import Before, Existing, Standing, blocking, in_the_way, survey
from relight.recovery.volumes import place

CONCURRENCY = 32
RESTORE_SECONDS = 1500.0
ESTABLISHED_SECONDS = 60.0
UNTOLD = "what is there already cannot be told"
WAS_THERE = 'it was there already, and existing = "fail" was chosen'


@dataclass(frozen=True, slots=True, kw_only=True)
class Applier:
    """``data_dir``: where the runner unpacks volumes. ``seconds``: after them, what is left fails instead of waiting.
    ``concurrency``: the most requests at once; fewer while the API is busy."""

    cluster: ClusterApi
    data_dir: Path
    concurrency: int = CONCURRENCY
    seconds: float = RESTORE_SECONDS
    established_seconds: float = ESTABLISHED_SECONDS
    patience: Patience = field(default_factory=Patience)
    progress: Callable[[LedgerRow], None] = lambda _: None

    def run(self, objects: Sequence[PlannedObject], existing: Existing = Existing.UPDATE) -> Ledger:
        restore = _Restore(self, existing)
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="apply") as pool:
            try:
                before = survey(self.cluster, objects, pool, restore.persist, existing)
            except RelightError as error:
                return _nothing(objects, {}, f"nothing was applied: {UNTOLD}: {error}")
            if blocked := blocking(objects, before, existing):
                more = f", and {len(blocked) - 1} more" if len(blocked) > 1 else ""
                others = f"nothing was applied: {blocked[0].identity} was there already{more}"
                return _nothing(objects, {item.identity: WAS_THERE for item in blocked}, others)
            rows: dict[int, LedgerRow] = {}
            for _, wave in groupby(sorted(objects, key=lambda item: item.wave), key=lambda item: item.wave):
                restore.wave(list(wave), before, pool, rows)
        return Ledger(tuple(rows[id(item)] for item in objects))


class _Restore:
    """One run of an Applier: its deadline, its pace, and the kinds that it has given up on."""

    def __init__(self, applier: Applier, existing: Existing) -> None:
        self._with, self._existing = applier, existing
        self._deadline = Deadline.after(applier.seconds)
        self._pace = Pace(applier.concurrency)
        self._unserved: set[tuple[str, str]] = set()

    def persist(self, call: Callable[[], list[Object]]) -> list[Object]:
        return self._with.patience.persist(call, self._deadline)

    def wave(self, items: list[PlannedObject], before: Before, pool: ThreadPoolExecutor, rows: dict[int, LedgerRow]) -> None:
        """Each worker takes the next object when it is done with one: a future an object would cost a tenth of the time."""
        todo = iter(items)  # one step of a list's iterator is atomic

        def work(_: int) -> None:
            try:
                for item in todo:
                    rows[id(item)] = self._one(item, before)
            except BaseException:
                for _item in todo:
                    pass  # what is left is not begun
                raise

        for _ in pool.map(work, range(min(self._with.concurrency, len(items)))):
            pass

    def _one(self, item: PlannedObject, before: Before) -> LedgerRow:
        row = self._row(item, before) if item.object is not None else LedgerRow.of(item)
        self._with.progress(row)
        return row

    def _row(self, item: PlannedObject, before: Before) -> LedgerRow:
        if (there := before.get(item.identity)) and there.unknown:
            return LedgerRow.of(item, Fate.FAILED, f"{UNTOLD}: {there.unknown}")
        if self._existing is Existing.KEEP and in_the_way(item, before):
            return LedgerRow.of(item, Fate.KEPT, "it was there already, and is kept as it was")
        if self._deadline.passed or item.object is None:
            return LedgerRow.of(item, Fate.FAILED, "the restore's time was over before its turn")
        try:
            after = self._applied(place(item.object, self._with.data_dir))
        except RelightError as error:
            return LedgerRow.of(item, Fate.FAILED, f"{type(error).__name__}: {error}")
        if item.identity.kind == "CustomResourceDefinition" and not self._established(after):
            return LedgerRow.of(item, Fate.FAILED, f"was not established within {self._with.established_seconds:.0f} s")
        return _fate(item, there, after["metadata"].get("resourceVersion", ""))

    def _applied(self, obj: Object) -> Object:
        """A kind that a cluster at work does not serve is waited for once, not once an object."""
        kind = (obj["apiVersion"], obj["kind"])
        patience = replace(self._with.patience, tries=1) if kind in self._unserved else self._with.patience

        def ask() -> Object:
            with self._pace.turn():
                return self._with.cluster.apply(obj)

        try:
            return patience.persist(ask, self._deadline)
        except ClusterNotReady:
            if self._with.cluster.ready():
                self._unserved.add(kind)
            raise

    def _established(self, crd: Object) -> bool:
        """Resources of a kind are refused until their CRD is established; only then may the next wave start."""
        limit = self._deadline.sooner(self._with.established_seconds)
        name, version = crd["metadata"]["name"], crd["apiVersion"]

        def ask() -> bool | None:
            now = self._with.patience.persist(lambda: self._with.cluster.get(version, crd["kind"], None, name), limit)
            conditions = ((now or {}).get("status") or {}).get("conditions") or []
            return any(item["type"] == "Established" and item["status"] == "True" for item in conditions) or None

        try:
            return poll(ask, limit, every=0.05, longest=0.5) or False
        except RelightError:
            return False


def apply_plan(applier: Applier, plan: OpenedPlan, objects: Sequence[PlannedObject]) -> Ledger:
    """Restores the objects. Raises PlanDrifted, before anything is applied, when one is not what the plan covers.

    One object's failure is its row's: the others go on. Repeating it on the same cluster changes nothing.
    """
    check_digests(plan, objects, "sha256")
    ledger = applier.run(objects, Existing(plan.document.get("existing", Existing.UPDATE)))
    return ledger.beside(row.get("fate") for row in plan.rows)


def check_digests(plan: OpenedPlan, objects: Sequence[PlannedObject], form: str) -> None:
    """Raises PlanDrifted. ``form``: ``sha256`` for what Restore applies, ``released_sha256`` for what Promote does."""
    for item, row in zip(objects, plan.rows, strict=False):
        if getattr(item, form) != row[form] or item.identity.name != row["name"]:
            raise PlanDrifted(f"{item.identity} is not the object whose digest the plan covers; make a new plan")
    if len(objects) != len(plan.rows):
        raise PlanDrifted(f"the plan covers {len(plan.rows)} objects, not {len(objects)}; make a new plan")


def _nothing(objects: Sequence[PlannedObject], reasons: Mapping[Identity, str], otherwise: str) -> Ledger:
    """The ledger of a restore that did not begin."""

    def row(item: PlannedObject) -> LedgerRow:
        if item.object is None:
            return LedgerRow.of(item)
        return LedgerRow.of(item, Fate.FAILED, reasons.get(item.identity, otherwise))

    return Ledger(tuple(map(row, objects)))


def _fate(item: PlannedObject, before: Standing | None, after: str) -> LedgerRow:
    if before is None:
        return LedgerRow.of(item)
    if before.version == after:
        return LedgerRow.of(item, Fate.UNCHANGED, "it was there already, exactly so")
    return replace(LedgerRow.of(item), reason="it was there already, and was changed to the plan's form")
