"""Report: fills the receipts that are missing, writes the report, closes and signs the evidence chain, tells people."""

from typing import Any

from relight.adapters.catalog import Catalog
from relight.adapters.keys import SigningKey
from relight.adapters.metrics import emit
from relight.adapters.s3 import join
from relight.backup.marks import settle
from relight.drills import is_whole
from relight.errors import RelightError
from relight.evidence import step as steps
from relight.evidence.binding import digest
from relight.evidence.closing import Signer, close_chain
from relight.evidence.page import page
from relight.evidence.receipts import chain
from relight.evidence.report import Ended, build
from relight.evidence.scrub import scrub
from relight.evidence.step import Step, log, step
from relight.messages import Kind
from relight.model import (
    Artifact,
    CatalogEntry,
    Ending,
    Failure,
    Outcome,
    PassedDrill,
    Phase,
    PlanRef,
    Verdict,
    canonical,
    decode,
    encode,
)
from relight.model import now as timestamp_now
from relight.readiness.kept import before
from relight.telling import About, Teller

LOST = "ReceiptMissing"


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.REPORT, event) as now:
        ended = ending_of(now)
        fill(now, ended)
        documents = write(now, ended)
        now.record.outputs = {"outcome": ended.outcome.value, "summary": ended.summary(), "documents": encode(documents)}
    # After the step: the chain that is signed holds Report's own receipt too.
    key = SigningKey(now.settings.signing_key)
    closed = close_chain(now.store, now.prefix, now.run, Signer(key.sign, key.public_key_pem))
    ending = Ending(
        outcome=ended.outcome, summary=ended.summary(), report_uri=documents["report.html"].uri, chain_head=closed.sha256
    )
    prove(now, ended.outcome)
    tell(now, ending)
    return encode(ending)


def ending_of(now: Step) -> Ended:
    failure = steps.failure(now.payload)
    outcome = Outcome(now.payload.get("outcome") or Outcome.FAILED)
    variables = {name: scrub(now.payload.get(name)) for name in steps.FACTS}
    scrubbed = Failure(**scrub(encode(failure))) if failure else None
    return Ended(run=now.run, outcome=outcome, failure=scrubbed, variables=variables)


def fill(now: Step, ended: Ended) -> None:
    """Every phase that started has a receipt: those whose function was cut short get theirs here."""
    there = {link.phase for link in chain(now.store, now.prefix)}
    for row in now.table.phases(now.run.run_id):
        if row.phase not in there and row.phase != Phase.REPORT:
            known = ended.failure if ended.failure and ended.failure.phase.lower() == row.phase else None
            why = known or Failure(phase=row.phase, error=LOST, cause="the phase started and left no receipt")
            steps.fill_receipt(now.store, now.prefix, now.run, row, why)


def write(now: Step, ended: Ended) -> dict[str, Artifact]:
    """report.json and report.html, by name."""
    report = build(ended, chain(now.store, now.prefix), readiness(now))
    found = {}
    for name, data in {"report.json": canonical(report), "report.html": page(report)}.items():
        now.store.put(uri := join(now.prefix, name), data)
        found[name] = Artifact(uri=uri, sha256=digest(data))
    return found


def readiness(now: Step) -> dict[str, Any] | None:
    """As last known before the run. That it cannot be read keeps no report from being written."""
    try:
        found = before(now.store, now.settings.evidence_bucket, now.run.app, now.run.started_at)
    except RelightError as error:
        log.warning("readiness not read", extra={"error": str(error)})
        return None
    return dict(scrub(found)) if found else None


def prove(now: Step, outcome: Outcome) -> None:
    """A backup that a run restored and validated is proven: the catalog, and ``last-proven``, say so from now on."""
    run, plan = now.run, now.payload.get("plan")
    verdict = (now.payload.get("validation") or {}).get("verdict")
    if not plan or verdict != Verdict.PASSED or run.negative_control:
        return
    chosen = decode(plan, PlanRef)
    proven = CatalogEntry(
        app=run.app,
        backup_id=chosen.backup_id,
        uri=chosen.backup_uri,
        created_at=chosen.created_at,
        proven_by=run.run_id,
        proven_at=timestamp_now(),
    )
    try:
        catalog = Catalog(now.settings.table)
        catalog.note_proof(proven)
        if is_whole(run) and outcome == Outcome.SUCCEEDED:
            passed = PassedDrill(run_id=run.run_id, began_at=run.started_at, version=chosen.app_version)
            catalog.note_drill(run.app, passed)
            for alarming in ("DrillOverdue", "ArmedUnproven"):  # its alarm need not wait for the catalog's next round
                emit(alarming, 0, app=run.app)
        settle(catalog, run.app)
    except RelightError as error:
        log.error("the backup's proof is not in the catalog; the next drill proves it again", extra={"error": str(error)})


ENDS = {
    Outcome.REJECTED: Kind.REJECTED,
    Outcome.EXPIRED: Kind.EXPIRED,
    Outcome.FAILED: Kind.FAILED,
}


def tell(now: Step, ending: Ending) -> None:
    """The end in the table and in a message. The evidence is closed by now: an error here is logged and changes nothing."""
    try:
        now.table.note_run(
            now.run, status="ended", outcome=ending.outcome.value, summary=ending.summary, report=ending.report_uri
        )
        approval = now.table.approval(now.run.run_id)
    except RelightError as error:
        log.error("the end is not in the table", extra={"error": str(error)})
        approval = None
    kind, decision = ENDS.get(ending.outcome, Kind.ENDED), now.payload.get("approval") or {}
    more = {"summary": ending.summary, "outcome": ending.outcome.value, "report": ending.report_uri}
    more |= {"by": str(decision.get("approver") or ""), "why": str(decision.get("reason") or "")}
    if held := (now.payload.get("cleared") or {}).get("held_until"):
        kind, more = Kind.ASK_AGAIN, more | {"until": str(held)}
    about = About(run=now.run, approval=approval, variables=now.payload)
    Teller(deployment=now.settings).tell(kind, about, **more)
