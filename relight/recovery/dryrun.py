"""Asks the API server of a cluster that stands what it would make of each object. Nothing is stored."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from relight.errors import ClusterRefused, RelightError
from relight.records import replace
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.forecast import Forecast, Told
from relight.recovery.ledger import Fate
from relight.recovery.prepare import PlannedObject
from relight.recovery.target import Target

CONCURRENCY = 16
OF_THE_API = ("managedFields", "resourceVersion", "generation")
LIVE = (Fate.CREATED, Fate.TRANSFORMED)


def dry_run(cluster: ClusterApi, objects: Sequence[PlannedObject], target: Target, foreseen: Forecast) -> Forecast:
    """The forecast, corrected by the server's own answers for what it can judge.

    What needs a namespace or a kind that the restore itself brings keeps its forecast: the server would miss them.
    """
    namespaces = {item.identity.namespace for item in objects} - {""}
    there = {"", *(name for name in namespaces if cluster.get("v1", "Namespace", None, name) is not None)}

    def one(item: PlannedObject, told: Told) -> Told:
        if item.object is None or told.fate not in LIVE or item.identity.namespace not in there:
            return told
        if (item.object["apiVersion"], item.object["kind"]) not in target.served:
            return told
        return _asked(cluster, item.object, told)

    with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="dry-run") as pool:
        told = tuple(pool.map(one, objects, foreseen.told))
    return replace(foreseen, target=f"{foreseen.target} (server dry run)", told=told)


def _asked(cluster: ClusterApi, obj: Object, told: Told) -> Told:
    metadata = obj["metadata"]
    try:
        before = cluster.get(obj["apiVersion"], obj["kind"], metadata.get("namespace"), metadata["name"])
        after = cluster.apply(obj, dry_run=True)
    except ClusterRefused as error:
        return Told(Fate.FAILED, str(error))
    except RelightError as error:
        return Told(told.fate, f"the server could not be asked: {error}")
    same = before is not None and _plain(before) == _plain(after)
    return Told(Fate.UNCHANGED, "it is there already, exactly so") if same else told


def _plain(obj: Object) -> Object:
    return obj | {"metadata": {key: value for key, value in obj["metadata"].items() if key not in OF_THE_API}}
