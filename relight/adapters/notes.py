"""What a run does to production, on record before it is done, and whose runner is production. Each write is idempotent."""

import time
from dataclasses import dataclass, field
from typing import Any

from relight.adapters.calls import Refused
from relight.adapters.items import Item, Items
from relight.model import Run, Runner, decode, encode
from relight.promoteconfig import PromoteAction

KEEP = 400 * 86_400  # seconds: a promoted runner may serve for a year


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One action of a promotion. ``before`` (None: nothing was there) and ``after`` it: whatever its kind compares.

    ``number``: its place. ``told``: the change in words. ``receipt``: AWS's name of it, once it was made. ``undone``: it was
    taken back. ``former``: the run whose runner was production until then, and died.
    """

    number: int
    action: PromoteAction
    target: str
    before: str | None
    after: str | None
    told: str = ""
    former: str = ""
    receipt: str = ""
    undone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """Whose runner is production for an app. ``ended``: it is so no more. ``former``: the run that it took the place of."""

    run_id: str
    instance_id: str
    ended: bool = False
    former: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the approver saw: ``lines`` in words, and what stood then at each action that could be read, by its name."""

    lines: tuple[str, ...]
    seen: dict[str, str | None] = field(default_factory=dict)


class Notes(Items):
    # ------------------------------------------------------------ the actions of a run
    def note(self, run_id: str, note: Note) -> Note:
        """Records it, once: what a repeated promotion finds there is not "before". Returns the one on record."""
        fields = {**encode(note), "ttl": int(time.time()) + KEEP}
        self._try(f"run#{run_id}", _key(note), fields, "attribute_not_exists(pk)", {})
        item = self._get(f"run#{run_id}", _key(note))
        return decode(item, Note) if item else note

    def change(self, run_id: str, note: Note, **fields: Any) -> None:
        self._try(f"run#{run_id}", _key(note), fields, "attribute_exists(pk)", {})

    def notes(self, run_id: str) -> list[Note]:
        """In the order in which they were to be done."""
        return [decode(item, Note) for item in self._query(f"run#{run_id}", "action#")]

    # ------------------------------------------------------------ what the approver saw
    def keep_preview(self, run_id: str, preview: Preview) -> None:
        self._put(f"run#{run_id}", "preview", encode(preview), int(time.time()) + KEEP)

    def preview(self, run_id: str) -> Preview | None:
        item = self._get(f"run#{run_id}", "preview")
        return decode(item, Preview) if item else None

    # ------------------------------------------------------------ whose runner is production
    def production(self, app: str) -> Production | None:
        item = self._get(f"app#{app}", "production")
        return decode(item, Production) if item else None

    def become_production(self, run: Run, runner: Runner, instead_of: str = "") -> bool:
        """False when another run's runner is production, unless that is over or it is of the run ``instead_of``."""
        fields: Item = {"run_id": run.run_id, "instance_id": runner.instance_id, "ended": False}
        fields |= {"former": instead_of} if instead_of else {}
        free = "attribute_not_exists(pk) OR run_id = :run OR run_id = :other OR ended = :ended"
        return self._try(
            f"app#{run.app}", "production", fields, free, {":run": run.run_id, ":other": instead_of, ":ended": True}
        )

    def end_production(self, run: Run) -> None:
        try:
            self._update(f"app#{run.app}", "production", {"ended": True}, "run_id = :run", {":run": run.run_id})
        except Refused:
            return  # it never was, or another run's is by now


def _key(note: Note) -> str:
    return f"action#{note.number:02d}#{note.action.name}"
