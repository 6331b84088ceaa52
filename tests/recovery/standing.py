"""The shop as a validator meets it: standing and healthy, and the checks these tests ask of it."""

from pathlib import Path

from relight.config import Validator
from relight.recovery.objects import identity
from relight.recovery.validators import ValidationContext
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import IMAGE, claim, cronjob, deployment, namespace

READY = Validator(name="ready", kind="ready", deadline=1)
NIGHTLY = Validator(name="nightly", kind="job", cronjob="nightly", deadline=2)
SHOP = (namespace(), claim(), deployment(image=IMAGE), cronjob(image=IMAGE))


def context(cluster: FakeCluster, tmp_path: Path = Path("/nowhere"), **fields: object) -> ValidationContext:
    expected = tuple(identity(item) for item in SHOP)
    chosen = {"cluster": cluster, "namespace": "shop", "run_id": "run-1", "data_dir": tmp_path, "expected": expected}
    return ValidationContext(**(chosen | fields))  # type: ignore[arg-type]


def healthy() -> FakeCluster:
    cluster = FakeCluster()
    for item in SHOP:
        cluster.put(item)
    cluster.put(claim() | {"status": {"phase": "Bound"}})
    cluster.put(deployment(image=IMAGE) | {"status": {"availableReplicas": 2, "updatedReplicas": 2}})
    return cluster
