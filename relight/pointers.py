"""Production pointers: S3 objects that say which site is production, moved there and back by compare-and-swap."""

from typing import Any

import msgspec

from relight.adapters.s3 import S3, join
from relight.adapters.table import PointerMove, Table
from relight.errors import Conflict, ObjectNotFound, PointerMoved
from relight.model import ActionResult, Run, Runner, canonical, now
from relight.promoteconfig import PromoteAction
from relight.records import replace


def site(run: Run, runner: Runner | None) -> dict[str, Any]:
    """What a pointer says; ``runner`` None means that no site of ours is production."""
    ours = {"site": f"relight/{run.run_id}", "instance_id": runner.instance_id} if runner else {"site": None}
    return {**ours, "run_id": run.run_id, "moved_at": now()}


def look(store: S3, storage: str, action: PromoteAction) -> tuple[str, str | None]:
    """Where the pointer is, and what it says; None: it is not there."""
    uri = join(storage, action.key)
    return uri, _look(store, uri)[0]


def said(run: Run, runner: Runner | None) -> str:
    """What a pointer to the runner says."""
    return canonical(site(run, runner)).decode()


def move(store: S3, table: Table, run: Run, wanted: PointerMove) -> PointerMove:
    """Points to the runner. What was there before is on record first, so that any end of the run can undo it.

    Repeating it changes nothing. Raises PointerMoved when somebody else moved it meanwhile.
    """
    noted = table.note_pointer(run.run_id, wanted)
    current, etag = _look(store, noted.uri)
    if current != noted.after:
        if current != noted.before:
            raise PointerMoved(
                f"{noted.uri}: somebody else moved it while this run promoted; nothing was overwritten; look there"
            )
        _swap(store, noted.uri, noted.after, etag)
    return noted


def move_back(store: S3, run: Run, noted: PointerMove) -> ActionResult:
    """Puts back what was there before the run. Raises PointerMoved when it is no longer what the run left."""
    before = noted.before if noted.before is not None else canonical(site(run, None)).decode()
    current, etag = _look(store, noted.uri)
    if current == noted.after:
        _swap(store, noted.uri, before, etag)
    elif current != noted.before and not _handed_back(current, run):
        raise PointerMoved(f"{noted.uri}: is {named(current)}, not what run {run.run_id} left there; it stays as it is")
    return ActionResult(action=noted.name, target=noted.uri, done=True, detail=f"back to {named(noted.before)}")


def to_the_primary(table: Table, noted: PointerMove) -> PointerMove:
    """The move, its way back past the sites of earlier runs that died as production: to what was there before them."""
    before, passed = noted.before, set[str]()
    while (run_id := _site_of_a_run(before)) and run_id not in passed:
        passed.add(run_id)
        earlier = next((one for one in table.pointers(run_id) if one.uri == noted.uri), None)
        if earlier is None:
            break
        before = earlier.before
    return replace(noted, before=before)


def _site_of_a_run(content: str | None) -> str | None:
    said = _document(content)
    return str(said["run_id"]) if said.get("site") and "run_id" in said else None


def ours(store: S3, noted: PointerMove) -> bool:
    """Whether the pointer is as the run left it."""
    return _look(store, noted.uri)[0] == noted.after


def handed_back(store: S3, run: Run, noted: PointerMove) -> bool:
    """Whether an earlier try put it back already."""
    current = _look(store, noted.uri)[0]
    return current is not None and (current == noted.before or _handed_back(current, run))


def _handed_back(current: str | None, run: Run) -> bool:
    """A pointer that was not there before the run cannot be put back to nothing; it says that no site is production."""
    said = _document(current)
    return said.get("site", "") is None and said.get("run_id") == run.run_id


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
