"""Restores a plan onto the cluster in memory, without its pauses."""

from pathlib import Path

from relight.recovery.apply import Applier, apply_plan
from relight.recovery.ledger import Ledger, LedgerRow
from relight.recovery.patience import Patience
from relight.recovery.plan import PlanBundle, open_plan
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import plan

QUICK = Patience(tries=4, sleep=lambda _: None)
DATA = Path("/data")


def restore(cluster: FakeCluster, bundle: PlanBundle | None = None, **options: object) -> Ledger:
    bundle = bundle or plan()
    chosen = {"cluster": cluster, "data_dir": DATA, "patience": QUICK, "established_seconds": 0.2} | options
    return apply_plan(Applier(**chosen), open_plan(bundle.files, bundle.hash), bundle.objects)  # type: ignore[arg-type]


def row(ledger: Ledger, name: str) -> LedgerRow:
    return next(row for row in ledger.rows if row.name == name)
