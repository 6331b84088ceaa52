"""``pointer``: the S3 object that says which site is production. Failback knows these moves by their own record too."""

from relight import pointers
from relight.adapters.notes import Note
from relight.adapters.table import PointerMove
from relight.model import Verdict
from relight.promoteconfig import PromoteAction
from relight.promotion.kind import Scene, Seen, Verified, change


class Pointer:
    essential, asks = True, True

    def plan(self, scene: Scene, action: PromoteAction) -> Seen:
        uri, found = pointers.look(scene.store, scene.storage, action)
        after = pointers.said(scene.run, scene.runner)
        return Seen(target=uri, before=found, after=after, told=change(pointers.named, found, after))

    def do(self, scene: Scene, note: Note) -> str:
        pointers.move(scene.store, scene.table, scene.run, _move(note))
        return ""

    def verify(self, scene: Scene, note: Note) -> Verified:
        ours = pointers.ours(scene.store, _move(note))
        return (Verdict.PASSED, "is as this run left it") if ours else (Verdict.FAILED, "is not what this run left there")

    def undo(self, scene: Scene, note: Note) -> str:
        return pointers.move_back(scene.store, scene.run, _move(note)).detail


def _move(note: Note) -> PointerMove:
    return PointerMove(name=note.action.name, uri=note.target, before=note.before, after=note.after or "")
