"""Restores a plan of COUNT objects to the cluster of KUBECONFIG, as the agent does: the plan is open and the cluster
asked whether it is ready before. A process of its own; prints {wall, cpu} of the restore in seconds, and its peak {mib}.

    python -m benchmarks.apply_ours KUBECONFIG COUNT
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.plans import inputs
from benchmarks.table import peak_mib
from relight.adapters.kube import Cluster
from relight.model import RestoreOutcome
from relight.recovery.apply import Applier, apply_plan
from relight.recovery.plan import make_plan, open_plan


def main(kubeconfig: str, count: int) -> int:
    bundle = make_plan(inputs(count))
    plan, cluster = open_plan(bundle.files, bundle.hash), Cluster(Path(kubeconfig))
    cluster.ready()  # connected, as while it starts
    wall, cpu = time.perf_counter(), time.process_time()
    ledger = apply_plan(Applier(cluster=cluster, data_dir=Path("/nowhere")), plan, bundle.objects)
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps(taken | {"mib": peak_mib()}))
    for row in ledger.faults[:5]:
        print(f"{row.kind} {row.name}: {row.reason}", file=sys.stderr)
    return 0 if ledger.outcome is RestoreOutcome.COMPLETE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
