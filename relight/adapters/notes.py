"""What a run does to production, on record before it is done, and whose runner is production. Each write is idempotent."""

import time
from dataclasses import dataclass, field
from typing import Any

from relight.adapters.items import Item, Items
from relight.model import Run, Runner, decode, encode
from relight.promoteconfig import PromoteAction

KEEP = 400 * 86_400  # seconds: a promoted runner may serve for a year


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One action of a promotion. ``before`` (None: nothing was there) and ``after`` it: whatever its kind compares.

    ``number``: its place. ``told``: the change in words. ``receipt``: AWS's name of it, once it was made. ``undone``: it was
    taken back; ``returning``: that has begun, and what it does is nobody else's work. ``past``: see Production.
    """

    number: int
    action: PromoteAction
    target: str
    before: str | None
    after: str | None
    told: str = ""
    receipt: str = ""
    returning: bool = False
    undone: bool = False
    past: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """Whose runner is production for an app. ``ended``: it is so no more.

    ``past``: the runs before it since production was last handed back, newest first; what they did may still stand.
    """

    run_id: str
    instance_id: str
    ended: bool = False
    past: tuple[str, ...] = ()


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

    def become_production(self, run: Run, runner: Runner, other: Production | None) -> bool:
        """In the place of ``other``, as ``production`` told it. False where that is no more what is on record."""
        past = () if other is None else other.past if other.run_id == run.run_id else (other.run_id, *other.past)
        fields: Item = {"run_id": run.run_id, "instance_id": runner.instance_id, "ended": False, "past": past}
        same = "run_id = :other AND (ended = :ended OR ended = :over)" if other else "attribute_not_exists(pk)"
        values: Item = {":other": other.run_id, ":ended": other.ended, ":over": True} if other else {}
        free = f"run_id = :run OR ({same})"
        return self._try(f"app#{run.app}", "production", fields, free, {":run": run.run_id, **values})

    def end_production(self, run: Run, handed_back: bool = False) -> None:
        """``handed_back``: nothing that was done to production stands any more."""
        fields: Item = {"ended": True, **({"past": ()} if handed_back else {})}
        self._try(f"app#{run.app}", "production", fields, "run_id = :run", {":run": run.run_id})


def _key(note: Note) -> str:
    return f"action#{note.number:02d}#{note.action.name}"
