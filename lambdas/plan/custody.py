"""Who holds the keys of a backup, as rows of Plan's receipt: which key opened it, and which only a person can try."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from relight.backup.proofs import KeyProof
from relight.backup.reader import Backup
from relight.backup.recipients import KMS, Recipient, recipients
from relight.config import App
from relight.errors import RelightError
from relight.evidence.report import CUSTODY
from relight.model import Verdict, moment

Row = dict[str, str]
Proofs = Callable[[str], KeyProof | None]
HOLDS = timedelta(days=365)  # of a person's proof: a key that nobody has held for a year may be lost


def custody(app: App, backup: Backup, proofs: Proofs) -> Iterator[Row]:
    """A row a recipient; none is PASSED without proof. ``proofs``: the last of a recipient, and it may raise.

    Raises KeyUnusable, SealBroken.
    """
    if backup.seal is None and app.encryption:
        yield _row(Verdict.FAILED, f"backup {backup.place.backup_id} is not sealed, and the app's configuration says it is")
    for one in recipients(backup.metadata.encryption) if backup.seal else ():
        if backup.seal and str(one) == backup.seal.opened_by:
            yield _row(Verdict.PASSED, f"{one} opened the backup")
        elif one.kind == KMS:
            yield _row(Verdict.COULD_NOT_VERIFY, f"{one} was not tried: another opened it")
        else:
            yield _by_a_person(one, proofs)


def _by_a_person(one: Recipient, proofs: Proofs) -> Row:
    try:
        proof = proofs(str(one))
    except RelightError as error:  # no recovery waits for what was said about a key
        return _row(Verdict.COULD_NOT_VERIFY, f"{one}: whether a person has proven it cannot be read: {error.code}")
    if proof is None:
        how = "no person has yet: relight backup prove-key"
        return _row(Verdict.COULD_NOT_VERIFY, f"{one} cannot be tried by a machine, and {how}")
    said = f"{one} was last proven by {proof.by} on {proof.at[:10]} with backup {proof.backup_id}"
    if datetime.now(UTC) - moment(proof.at) > HOLDS:
        return _row(Verdict.COULD_NOT_VERIFY, f"{said}, more than {HOLDS.days} days ago: relight backup prove-key")
    return _row(Verdict.PASSED, said)


def _row(verdict: Verdict, detail: str) -> Row:
    return {"check": CUSTODY, "verdict": verdict.value, "detail": detail}
