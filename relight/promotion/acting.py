"""A promotion's actions: told beforehand, done in the order written, verified, and undone in reverse."""

from collections.abc import Sequence
from functools import partial

from relight.adapters.notes import Note, Preview
from relight.errors import ActionFailed, ActionMoved, RelightError, RetryableError
from relight.model import ActionResult, Verdict
from relight.promoteconfig import PromoteAction
from relight.promotion.fences import ROLE, CronJobs
from relight.promotion.function import Function
from relight.promotion.kind import Kind, Scene, Seen, to_the_primary
from relight.promotion.parameter import PARAMETER
from relight.promotion.pointer import POINTER
from relight.promotion.record import RECORD
from relight.records import replace

KINDS: dict[str, Kind] = {
    "pointer": POINTER,
    "route53": RECORD,
    "ssm": PARAMETER,
    "lambda": Function(),
    "fence_role": ROLE,
    "fence_cronjobs": CronJobs(),
}
NO_FENCE = "the old primary is not fenced: no fence_role or fence_cronjobs is configured"
NOT_FENCED = "the old primary was not fenced"
LONGEST = 1_000  # characters of one detail


# ---------------------------------------------------------------- before anybody decides
def preview(scene: Scene, actions: Sequence[PromoteAction]) -> Preview:
    """What a promotion would do now; reads only. What cannot be read is told as such, and stops nobody from deciding."""
    lines, seen = [], {}
    for action in actions:
        try:
            found = KINDS[action.kind].plan(scene, action) if KINDS[action.kind].asks else None
        except RelightError as error:
            lines.append(f"{action.kind} {action.name}: could not be read: {error}")
            continue
        if found:
            seen[action.name] = found.before
        lines.append(f"{action.kind} {action.name}: {f'{found.target}: {found.told}' if found else _untold(action)}")
    return Preview(lines=(*lines, *(() if _fences(actions) else (NO_FENCE,))), seen=seen)


def _fences(actions: Sequence[PromoteAction]) -> bool:
    return any(not KINDS[action.kind].essential for action in actions)


def unfenced(actions: Sequence[PromoteAction]) -> tuple[ActionResult, ...]:
    """A row for the report where nothing of the actions fences the old primary."""
    row = partial(ActionResult, action="fence", target="the old primary", detail=NO_FENCE)
    return () if _fences(actions) else (row(done=False, verdict=Verdict.COULD_NOT_VERIFY),)


def _untold(action: PromoteAction) -> str:
    return f"function {action.function} is called" if action.kind == "lambda" else "the old primary's CronJobs are suspended"


# ---------------------------------------------------------------- promote
def promote(scene: Scene, actions: Sequence[PromoteAction]) -> tuple[ActionResult, ...]:
    """Looks at all of them before the first is done. Repeating it goes on from the record.

    Raises ActionMoved, ActionFailed, PointerMoved and what AWS's calls raise; what was done until then is on record.
    """
    expected, past = scene.table.preview(scene.run.run_id), _past(scene)
    known = {note.action.name: note for note in scene.table.notes(scene.run.run_id)}
    planned = [(action, known.get(action.name) or _planned(scene, n, action, expected)) for n, action in enumerate(actions)]
    planned = [(action, one if isinstance(one, RelightError) else replace(one, past=past)) for action, one in planned]
    return tuple(_act(scene, action, found) for action, found in planned)


def _planned(scene: Scene, number: int, action: PromoteAction, expected: Preview | None) -> Note | RelightError:
    kind = KINDS[action.kind]
    try:
        found = kind.plan(scene, action)
    except RelightError as error:
        if kind.essential:
            raise
        return error
    _as_approved(action, found, expected)
    return Note(number=number, action=action, target=found.target, before=found.before, after=found.after, told=found.told)


def _past(scene: Scene) -> tuple[str, ...]:
    production = scene.table.production(scene.run.app)
    return production.past if production and production.run_id == scene.run.run_id else ()


def _as_approved(action: PromoteAction, found: Seen, expected: Preview | None) -> None:
    if expected and expected.seen.get(action.name, found.before) != found.before:
        raise ActionMoved(
            f"{found.target}: is not what the approver saw: now {found.told}; nothing was promoted; start another run"
        )


def _act(scene: Scene, action: PromoteAction, planned: Note | RelightError) -> ActionResult:
    kind = KINDS[action.kind]
    if isinstance(planned, RelightError):
        return _not_fenced(action, action.kind, planned)
    note = scene.table.note(scene.run.run_id, planned)
    try:
        return _done(scene, kind, note)
    except RelightError as error:
        if kind.essential:
            raise
        return _not_fenced(action, note.target, error)


def _done(scene: Scene, kind: Kind, note: Note) -> ActionResult:
    if receipt := kind.do(scene, note):
        scene.table.change(scene.run.run_id, note, receipt=receipt)
        note = replace(note, receipt=receipt)
    verdict, seen = kind.verify(scene, note)
    if verdict == Verdict.FAILED:
        raise ActionFailed(f"{note.action.name}: {note.target}: was done, and {seen}; it is undone; look there")
    detail = "; ".join(filter(None, (note.told, seen)))
    return ActionResult(action=note.action.name, target=note.target, done=True, detail=detail, verdict=verdict)


def _not_fenced(action: PromoteAction, target: str, error: RelightError) -> ActionResult:
    detail = f"{NOT_FENCED}: {type(error).__name__}: {error}"
    return ActionResult(
        action=action.name, target=target, done=False, detail=detail[:LONGEST], verdict=Verdict.COULD_NOT_VERIFY
    )


# ---------------------------------------------------------------- and back
def undo(scene: Scene, last_try: bool) -> tuple[ActionResult, ...]:
    """Takes back, in reverse, what the run did or was about to do; repeating it is harmless.

    What cannot be taken back is told, and stops nothing. Raises a RetryableError for what may go better, unless it is the
    ``last_try``; a fence is told at once.
    """
    return tuple(_undone(scene, note, last_try) for note in reversed(scene.table.notes(scene.run.run_id)))


def hand_back(scene: Scene, last_try: bool) -> tuple[ActionResult, ...]:
    """All of it to the primary, past runs that died as production: the pointers, and then the rest as ``undo`` does it.

    Raises PointerMoved, and what S3 raises: then not all pointers have gone back, and nothing else has.
    """
    found = reversed(scene.table.notes(scene.run.run_id))
    notes = [to_the_primary(scene.table, note, KINDS[note.action.kind]) for note in found]
    pointers = tuple(_back(scene, note) for note in notes if note.action.kind == "pointer")
    return pointers + tuple(_undone(scene, note, last_try) for note in notes if note.action.kind != "pointer")


def _undone(scene: Scene, note: Note, last_try: bool) -> ActionResult:
    try:
        return _back(scene, note)
    except RelightError as error:
        if isinstance(error, RetryableError) and KINDS[note.action.kind].essential and not last_try:
            raise
        return ActionResult(action=note.action.name, target=note.target, done=False, detail=_why(error))


def _back(scene: Scene, note: Note) -> ActionResult:
    result = partial(ActionResult, action=note.action.name, target=note.target, done=True)
    if note.undone:
        return result(detail="undone before")
    scene.table.change(scene.run.run_id, note, returning=True)
    said = KINDS[note.action.kind].undo(scene, note)
    scene.table.change(scene.run.run_id, note, undone=True)
    return result(detail=said)


def _why(error: RelightError) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST]
