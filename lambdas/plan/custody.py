"""Who holds the keys of a backup, as rows of Plan's receipt: which key opened it, and which no machine has tried."""

from collections.abc import Iterator

from relight.backup.reader import Backup
from relight.backup.recipients import KMS, recipients
from relight.config import App
from relight.model import Verdict

Row = dict[str, str]
CHECK = "key custody"


def custody(app: App, backup: Backup) -> Iterator[Row]:
    """A row a recipient. Only the key that opened the backup is PASSED. Raises KeyUnusable, SealBroken."""
    if backup.seal is None and app.encryption:
        yield _row(Verdict.FAILED, f"backup {backup.place.backup_id} is not sealed, and the app's configuration says it is")
    for one in recipients(backup.metadata.encryption) if backup.seal else ():
        if backup.seal and str(one) == backup.seal.opened_by:
            yield _row(Verdict.PASSED, f"{one} opened the backup")
        else:
            why = "was not tried: another opened it" if one.kind == KMS else "cannot be tried by a machine"
            yield _row(Verdict.COULD_NOT_VERIFY, f"{one} {why}")


def _row(verdict: Verdict, detail: str) -> Row:
    return {"check": CHECK, "verdict": verdict.value, "detail": detail}
