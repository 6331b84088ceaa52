"""The design's invariants, asked of a run that has ended."""

from relight.model import Phase
from tests.runs.stage import Stage

PHASES = {phase.value for phase in Phase}


def holds(stage: Stage, run_id: str) -> None:
    """Invariants 1 to 4 and 6: nothing is left, nothing unproven was promoted, every phase that started has its receipt."""
    assert stage.runners(run_id) == [], "a runner was left behind"
    lease = stage.lease()
    assert lease is None or lease["run_id"]["S"] != run_id, "the lease was not given back"
    entered = [name.lower() for name in stage.entered(run_id) if name.lower() in PHASES]
    receipts = stage.receipts(run_id)
    assert set(entered) <= {receipt["phase"] for receipt in receipts}, "a phase that started has no receipt"
    assert stage.faults_in_evidence(run_id) == []
    if "promote" in entered:
        proven = [receipt["outputs"].get("verdict") for receipt in receipts if receipt["phase"] == "validate"]
        assert proven and proven[-1] == "PASSED", "something unproven was promoted"
