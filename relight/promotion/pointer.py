"""``pointer``: the S3 object that says which site is production, moved there and back by compare-and-swap."""

from typing import Any

import msgspec

from relight.adapters.notes import Note
from relight.adapters.s3 import S3, join
from relight.adapters.table import Table
from relight.errors import Conflict, ObjectNotFound, PointerMoved
from relight.model import Run, Runner, Verdict, canonical, now
from relight.promoteconfig import PromoteAction
from relight.promotion.kind import Kind, Scene, Seen, Verified, change, to_the_primary


class Pointer(Kind):
    essential, asks = True, True

    def plan(self, scene: Scene, action: PromoteAction) -> Seen:
        uri, after = join(scene.storage, action.key), canonical(site(scene.run, scene.runner)).decode()
        found, _ = _look(scene.store, uri)
        return Seen(target=uri, before=found, after=after, told=change(named, found, after))

    def do(self, scene: Scene, note: Note) -> str:
        """Raises PointerMoved when somebody else moved it meanwhile."""
        current, etag = _look(scene.store, note.target)
        if current != note.after:
            if current != note.before:
                raise PointerMoved(
                    f"{note.target}: somebody else moved it while this run promoted; nothing was overwritten; look there"
                )
            _swap(scene.store, note.target, note.after or "", etag)
        return ""

    def verify(self, scene: Scene, note: Note) -> Verified:
        ours = _look(scene.store, note.target)[0] == note.after
        return (Verdict.PASSED, "is as this run left it") if ours else (Verdict.FAILED, "is not what this run left there")

    def undo(self, scene: Scene, note: Note) -> str:
        """Puts back what was there before the run. Raises PointerMoved when it is no longer what the run left."""
        run, current, etag = scene.run, *_look(scene.store, note.target)
        if current == note.after:
            before = note.before if note.before is not None else canonical(site(run, None)).decode()
            _swap(scene.store, note.target, before, etag)
        elif not _as_before(current, run, note):
            raise PointerMoved(
                f"{note.target}: is {named(current)}, not what run {run.run_id} left there; it stays as it is"
            )
        return f"back to {named(note.before)}"


POINTER = Pointer()


def site(run: Run, runner: Runner | None) -> dict[str, Any]:
    """What a pointer says; ``runner`` None means that no site of ours is production."""
    ours = {"site": f"relight/{run.run_id}", "instance_id": runner.instance_id} if runner else {"site": None}
    return {**ours, "run_id": run.run_id, "moved_at": now()}


def moved(store: S3, table: Table, run: Run) -> list[str]:
    """The run's pointers that are neither as it left them nor, once it began to take them back, as they were before it."""
    notes = [note for note in table.notes(run.run_id) if note.action.kind == "pointer"]
    return [note.target for note in notes if not _known(store, run, to_the_primary(table, note, POINTER))]


def _known(store: S3, run: Run, note: Note) -> bool:
    current, _ = _look(store, note.target)
    gone_back = note.returning and current is not None and _as_before(current, run, note)
    return current == note.after or gone_back


def _as_before(current: str | None, run: Run, note: Note) -> bool:
    """A pointer that was not there before the run cannot be put back to nothing; it says that no site is production."""
    said = _document(current)
    return current == note.before or (said.get("site", "") is None and said.get("run_id") == run.run_id)


def _look(store: S3, uri: str) -> tuple[str | None, str | None]:
    """Content and etag of one version; two Nones when it is not there."""
    info = store.head(uri)
    if info is None:
        return None, None
    try:
        return store.get_range(uri, 0, info.size, etag=info.etag).decode(errors="replace"), info.etag
    except ObjectNotFound:
        raise Conflict(f"{uri}: went away while it was read; reading it again") from None


def _swap(store: S3, uri: str, content: str, etag: str | None) -> None:
    try:
        store.put(uri, content.encode(), if_absent=etag is None, if_match=etag)
    except Conflict:
        raise PointerMoved(f"{uri}: somebody else moved it just now; nothing was overwritten; look there") from None


def _document(content: str | None) -> dict[str, Any]:
    try:
        return msgspec.json.decode((content or "").encode(), type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def named(content: str | None) -> str:
    """A pointer in words: its site, or that it is not there."""
    return "nothing" if content is None else str(_document(content).get("site", content[:80]))
