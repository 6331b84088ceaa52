"""What a kind of promote action is: four small steps, and most of them one compare-and-swap."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from relight.adapters.notes import Note
from relight.adapters.s3 import S3
from relight.adapters.table import Table
from relight.errors import ActionMoved
from relight.model import Run, Runner, Verdict
from relight.promoteconfig import PromoteAction
from relight.records import replace

Verified = tuple[Verdict, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What actions work with. ``storage`` and ``namespace``: the app's; to undo one nothing but its note is needed."""

    store: S3 = field(repr=False)
    table: Table = field(repr=False)
    run: Run
    runner: Runner | None = None
    storage: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an action finds (``before``, None: nothing) and would leave (``after``); ``told``: that, in words."""

    target: str
    before: str | None
    after: str | None
    told: str


class Kind(Protocol):
    """``essential``: that it fails ends the promotion. ``asks``: Approve may look too, it only reads."""

    @property
    def essential(self) -> bool: ...

    @property
    def asks(self) -> bool: ...

    def plan(self, scene: Scene, action: PromoteAction) -> Seen:
        """Reads only."""

    def do(self, scene: Scene, note: Note) -> str:
        """AWS's name of the change, if it has one. Repeating it changes nothing. Raises ActionMoved, ActionFailed."""

    def verify(self, scene: Scene, note: Note) -> Verified:
        """Whether it is done, looked at from outside."""

    def undo(self, scene: Scene, note: Note) -> str:
        """What it did, in words. Repeating it changes nothing. Raises ActionMoved when it is no more as the run left it."""

    def behind(self, found: str | None, earlier: Note) -> str | None:
        """What stood before an ``earlier`` run too, where what was ``found`` is what that one left; else what was found."""
        return earlier.before if found == earlier.after else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap(Kind):
    """A kind that replaces one content by another where it is as expected: everything follows from looking and swapping.

    ``look(note)``: the content, None where there is none. ``swap(note, old, new)``: AWS's name of the change, or nothing;
    raises ActionMoved when it is not ``old`` by then. ``settled(receipt)``: whether the change has come everywhere.
    """

    seen: Callable[[Scene, PromoteAction], Seen]
    look: Callable[[Note], str | None]
    swap: Callable[[Note, str | None, str | None], str | None]
    words: Callable[[str | None], str] = str
    settled: Callable[[str], bool] = lambda _: True
    essential: bool = True
    asks: bool = True

    def plan(self, scene: Scene, action: PromoteAction) -> Seen:
        return self.seen(scene, action)

    def do(self, scene: Scene, note: Note) -> str:
        return self._turn(note, note.before, note.after)

    def verify(self, scene: Scene, note: Note) -> Verified:
        found = self.look(note)
        if found != note.after:
            return Verdict.FAILED, f"is {self.words(found)}, not {self.words(note.after)}"
        if note.receipt and not self.settled(note.receipt):
            return Verdict.COULD_NOT_VERIFY, f"is {self.words(found)}; change {note.receipt} is not yet everywhere"
        return Verdict.PASSED, f"is {self.words(found)}"

    def undo(self, scene: Scene, note: Note) -> str:
        self._turn(note, note.after, note.before)
        return f"back to {self.words(note.before)}"

    def _turn(self, note: Note, old: str | None, new: str | None) -> str:
        found = self.look(note)
        if found == new:
            return ""
        if found != old:
            raise ActionMoved(f"{note.target}: is {self.words(found)}, which somebody else made of it; it stays as it is")
        return self.swap(note, old, new) or ""


def to_the_primary(table: Table, note: Note, kind: Kind) -> Note:
    """The note, its way back past earlier runs that died as production: to what was there before them."""
    before = note.before
    for run_id in note.past:
        for earlier in reversed(table.notes(run_id)):
            if (earlier.action.kind, earlier.target, earlier.undone) == (note.action.kind, note.target, False):
                before = kind.behind(before, earlier)
    return replace(note, before=before)


def change(words: Callable[[Any], str], before: Any, after: Any) -> str:
    return f"stays {words(after)}" if before == after else f"{words(before)} → {words(after)}"
