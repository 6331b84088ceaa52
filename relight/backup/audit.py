"""Proving every byte of a backup in bounded memory and bounded time: what one call does not reach, the next goes on with."""

from collections.abc import Callable
from contextlib import closing

from relight.adapters.s3 import S3
from relight.backup import metadata
from relight.backup.catalog import BackupSummary
from relight.backup.frames import Frame, FrameTable
from relight.backup.parallel import ordered
from relight.backup.reader import Backup, open_backup
from relight.backup.verify import problems
from relight.errors import BackupError, KeyUnusable, KmsKeyUnusable
from relight.model import Audit, BackupState
from relight.records import replace

AHEAD = 8  # frames under way
WHOLE = 4 * 2**30  # bytes: an archive without frames is read in one go, up to this size
FINDINGS = 20  # kept of each backup
Patience = Callable[[], bool]


def audit(store: S3, found: BackupSummary, begun: Audit | None, patient: Patience, whole: int = WHOLE) -> Audit:
    """Checks the backup from where ``begun`` ended, for as long as ``patient`` says; CHECKING when that was not enough.

    Metadata, sizes, manifests and the table of frames each time; then every byte of every artifact, once. A backup whose
    objects changed since ``begun`` is another one, and is begun anew. Raises what S3 raises: then nothing is proven.
    """
    made = Audit(fingerprint=found.fingerprint, bytes=found.bytes)
    if wrong := problems(store, found.uri):
        return _faulty(made, wrong)
    if begun and begun.fingerprint == made.fingerprint:
        made = replace(made, next_frame=begun.next_frame)
    try:
        return _bytes(open_backup(store, found.uri), made, patient, whole)
    except BackupError as error:
        return _faulty(made, [error])


def _faulty(made: Audit, found: list[BackupError]) -> Audit:
    told = tuple(f"{error.code} {error}" for error in found[:FINDINGS])
    shut = all(isinstance(error, KeyUnusable | KmsKeyUnusable) for error in found)
    return replace(
        made,
        state=BackupState.UNOPENED if shut else BackupState.INVALID,
        findings=told,
        reason=f"{len(found)} problem(s): {found[0]}",
    )


def _bytes(backup: Backup, made: Audit, patient: Patience, whole: int) -> Audit:
    table = backup.frames()
    if table:
        return _frames(backup, table, made, patient)
    size = backup.found(metadata.STATE).size
    if size > whole:
        reason = f"{size} bytes without a table of frames are more than the {whole} that fit a function's time limit"
        return replace(made, state=BackupState.DEFERRED, reason=f"{reason}: the next drill reads every byte")
    for _ in backup.stored(metadata.STATE):
        pass
    return replace(made, state=BackupState.VALID, reason="every byte and its digest")


def _frames(backup: Backup, table: FrameTable, made: Audit, patient: Patience) -> Audit:
    archive, done = backup.found(metadata.STATE), made.next_frame

    def prove(numbered: tuple[int, Frame]) -> None:
        number, frame = numbered
        backup.fetch(number, frame, archive, memoryview(bytearray(frame.length)))

    with closing(ordered(prove, enumerate(table.frames[done:], done), table.at_once(AHEAD))) as proven:
        for _ in proven:
            done += 1
            if done < len(table.frames) and not patient():
                reason = f"{done} of {len(table.frames)} frames are proven; the next call goes on"
                return replace(made, next_frame=done, reason=reason)
    return replace(made, state=BackupState.VALID, next_frame=done, reason=f"every byte of {done} frames and its digest")
