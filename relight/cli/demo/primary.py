"""The demo's production: the sample application on a cluster of its own, installed, published once, and killed."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from examples.sample.seed import seed
from relight.adapters.kube import Cluster
from relight.errors import DemoFailed
from relight.words import many

SAMPLE = Path(__file__).parents[3] / "examples/sample"
NAMESPACE, CLAIM, CRONJOB, SERVER = "sample", "ledger", "publish", "server"
SERVICE = "server:http"
POLL = 0.2
AGAIN = (
    "all of it was ended and nothing is left; run it again: on a busy machine that is often enough. If it stays: relight"
    " doctor, then .relight/demo/primary/cluster.log and .relight/engine/aws.log"
)
Object = dict[str, Any]


def manifests(settings: dict[str, str], credentials: dict[str, str]) -> Iterator[Object]:
    """What ``kubectl apply -k examples/sample`` would apply, with this machine's settings and credentials put in."""
    kustomization = yaml.safe_load((SAMPLE / "kustomization.yaml").read_text(encoding="utf-8"))
    values = {"sample-settings": ("data", settings), "sample-credentials": ("stringData", credentials)}
    for made in kustomization["configMapGenerator"]:
        data = {Path(name).name: (SAMPLE / name).read_text(encoding="utf-8") for name in made["files"]}
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": made["name"], "namespace": NAMESPACE},
            "data": data,
        }
    for name in kustomization["resources"]:
        for obj in yaml.safe_load_all((SAMPLE / name).read_text(encoding="utf-8")):
            part, given = values.get(obj["metadata"]["name"], ("", {}))
            yield obj | ({part: obj[part] | given} if part else {})


def install(cluster: Cluster, settings: dict[str, str], credentials: dict[str, str]) -> int:
    """Installs the sample and fills its claim; how many objects there are. Idempotent."""
    objects = sorted(manifests(settings, credentials), key=lambda obj: obj["kind"] != "Namespace")
    for obj in objects:
        cluster.apply(obj)
    seed(claim_directory(cluster))
    return len(objects)


def claim_directory(cluster: Cluster) -> Path:
    """Where the claim's data lies on this machine. Raises DemoFailed."""
    for _ in attempts(20, f"claim {CLAIM} was not bound to a volume on this machine"):
        claim = cluster.get("v1", "PersistentVolumeClaim", NAMESPACE, CLAIM) or {}
        if name := claim.get("spec", {}).get("volumeName"):
            volume = cluster.get("v1", "PersistentVolume", None, name) or {}
            spec = volume.get("spec", {})
            if path := (spec.get("hostPath") or spec.get("local") or {}).get("path"):
                return Path(path)
    raise AssertionError("unreachable: attempts raises")


def publish(cluster: Cluster) -> str:
    """Runs the CronJob's job once; its log. Raises DemoFailed when it does not succeed."""
    cronjob = cluster.get("batch/v1", "CronJob", NAMESPACE, CRONJOB)
    assert cronjob is not None, "install comes first"
    name = f"{CRONJOB}-demo-{int(time.time())}"
    cluster.create(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": cronjob["spec"]["jobTemplate"]["spec"],
        }
    )
    for _ in attempts(60, f"job {name} on the primary did not finish"):
        status = (cluster.get("batch/v1", "Job", NAMESPACE, name) or {}).get("status", {})
        if status.get("succeeded") or status.get("failed"):
            break
    said = job_log(cluster, name)
    if not status.get("succeeded"):
        raise DemoFailed(f"job {name} on the primary failed: {said.strip() or 'it said nothing'}; {AGAIN}")
    return said


def job_log(cluster: Cluster, name: str) -> str:
    pods = cluster.list("v1", "Pod", NAMESPACE, labels=f"job-name={name}")
    return "".join(cluster.pod_log(NAMESPACE, pod["metadata"]["name"]) for pod in pods)


def await_server(cluster: Cluster) -> None:
    """Returns once the server's pod is ready. Raises DemoFailed."""
    for _ in attempts(40, "the primary's server did not become ready", lambda: last_words(cluster)):
        for pod in servers(cluster):
            conditions = {row["type"]: row["status"] for row in pod.get("status", {}).get("conditions", [])}
            if conditions.get("Ready") == "True":
                return


def servers(cluster: Cluster) -> list[Object]:
    return list(cluster.list("v1", "Pod", NAMESPACE, labels=f"app.kubernetes.io/name={SERVER}"))


def last_words(cluster: Cluster) -> str:
    """What the server's pods say of themselves: how often they were restarted, and the end of the log."""
    said = []
    for pod in servers(cluster):
        status, log = pod.get("status", {}), cluster.pod_log(NAMESPACE, pod["metadata"]["name"]).strip()
        restarts = sum(row.get("restartCount", 0) for row in status.get("containerStatuses", []))
        facts = (status.get("phase", "Pending"), many(restarts, "restart"), status.get("message", ""), log[-200:])
        said.append(", ".join(filter(None, facts)))
    return "; ".join(said) or "it has no pod"


def attempts(seconds: float, otherwise: str, why: Callable[[], str] = lambda: "") -> Iterator[None]:
    """One turn now and one each POLL seconds. Raises DemoFailed, with ``why``, when ``seconds`` are over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(POLL)
    because = f" ({found})" if (found := why()) else ""
    raise DemoFailed(f"{otherwise} within {seconds:.0f} s{because}; {AGAIN}")
