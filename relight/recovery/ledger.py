"""What became of every object of a restore: one row each, whatever happened."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from relight.model import RestoreOutcome, canonical, encode
from relight.records import replace
from relight.recovery.objects import Identity
from relight.recovery.prepare import PlannedObject
from relight.recovery.transforms import Action


class Fate(StrEnum):
    CREATED = "created"
    TRANSFORMED = "transformed"  # created, not as it was in the backup but as the plan lists
    UNCHANGED = "unchanged"  # it was there already, exactly so
    KEPT = "kept"  # it was there already in another form, and the app says to keep such
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"


INCOMPLETE = frozenset({Fate.REFUSED, Fate.FAILED})
FATE_OF_ACTION = {
    Action.CREATE: Fate.CREATED,
    Action.TRANSFORM: Fate.TRANSFORMED,
    Action.SKIP: Fate.SKIPPED,
    Action.REFUSE: Fate.REFUSED,
}


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    group: str
    kind: str
    namespace: str
    name: str
    wave: int
    fate: Fate
    reason: str = ""
    transforms: tuple[str, ...] = ()
    predicted: Fate | None = None

    @classmethod
    def of(cls, item: PlannedObject, fate: Fate | None = None, reason: str = "") -> "LedgerRow":
        who = item.identity
        return cls(
            group=who.group,
            kind=who.kind,
            namespace=who.namespace,
            name=who.name,
            wave=item.wave,
            fate=fate or FATE_OF_ACTION[item.action],
            reason=reason or item.reason,
            transforms=item.transforms,
        )

    def __str__(self) -> str:
        who = Identity(self.group, self.kind, self.namespace, self.name)
        said = f"{who}: {self.fate}" + (f", predicted {self.predicted}" if self.predicted else "")
        return f"{said}: {self.reason}" if self.reason else said


class Ledger(msgspec.Struct, frozen=True):
    """The rows in the plan's order."""

    rows: tuple[LedgerRow, ...]

    @property
    def outcome(self) -> RestoreOutcome:
        """PARTIAL when anything that belongs to the app is missing; what the plan skips does not belong to it."""
        incomplete = any(row.fate in INCOMPLETE for row in self.rows)
        return RestoreOutcome.PARTIAL if incomplete else RestoreOutcome.COMPLETE

    @property
    def counts(self) -> dict[str, int]:
        """Every fate, also those that no object met."""
        found = Counter(row.fate for row in self.rows)
        return {fate.value: found[fate] for fate in Fate}

    @property
    def surprises(self) -> tuple[LedgerRow, ...]:
        """What came otherwise than the plan had predicted. What was there already, exactly so, came as predicted."""
        return tuple(row for row in self.rows if row.predicted and not _as_predicted(row))

    @property
    def score(self) -> str:
        """How the plan's prediction held, in words."""
        told = sum(row.predicted is not None for row in self.rows)
        right = told - len(self.surprises)
        return f"{right} of {told} objects as predicted ({100 * right // told} %)" if told else "nothing was predicted"

    def beside(self, predicted: Iterable[str | None]) -> "Ledger":
        """The ledger with what the plan had predicted for each of its rows, in its order."""
        pairs = zip(self.rows, predicted, strict=True)
        return Ledger(tuple(replace(row, predicted=Fate(fate) if fate else None) for row, fate in pairs))

    @property
    def faults(self) -> tuple[LedgerRow, ...]:
        return tuple(row for row in self.rows if row.fate in INCOMPLETE)

    def dump(self) -> bytes:
        """As JSON lines."""
        return b"".join(canonical(encode(row)) + b"\n" for row in self.rows)


def _as_predicted(row: LedgerRow) -> bool:
    return row.predicted == row.fate or (row.fate is Fate.UNCHANGED and row.predicted in (Fate.CREATED, Fate.TRANSFORMED))
