"""``relight backup`` as a CronJob beside its app: one manifest, with the rights and the room that it needs and no more."""

from dataclasses import dataclass

from relight.config import App
from relight.recovery.cluster import Object, Objects
from relight.recovery.mounting import ROOT, Mounting, Reader

NAME = "relight-backup"
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "relight"}
RBAC = "rbac.authorization.k8s.io"
CONFIG, CLAIMS, TMP = "/etc/relight", "/claims", "/tmp"  # noqa: S108 (in the container: an emptyDir of its own)
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
IRSA = "eks.amazonaws.com/role-arn"
NOBODY = Reader(user=65_532, group=65_532)  # where there are no files to read
TOKEN_SECONDS = 3600
WAKING = 60  # seconds to start again what quiesce stopped, when the pod is asked to end
# Measured: 216 MiB at its highest for 400 MB in one file; what more of state there is goes by in parts.
RESOURCES = {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """``late``: seconds after its time that a start is still worth it; ``deadline``: seconds that one backup may take."""

    cron: str
    zone: str
    late: int
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """``role``: IRSA's ARN; ``secret``: the Secret with AWS's variables; neither: EKS Pod Identity, or the node's role."""

    image: str
    role: str | None = None
    secret: str | None = None
    reader: Reader | None = None


def manifest(app: App, config: str, mounted: Mounting, rules: tuple[Objects, Objects], when: Schedule, pod: Pod) -> Objects:
    """Everything to apply, in order. ``rules``: those within the namespace and those at cluster scope."""
    inside, outside = rules
    everywhere = f"{NAME}-{app.namespace}"  # names at cluster scope are shared by all apps of the cluster
    account = _object("v1", "ServiceAccount", NAME, app.namespace) | {"automountServiceAccountToken": False}
    if pod.role:
        account["metadata"]["annotations"] = {IRSA: pod.role}
    return [
        account,
        _object(f"{RBAC}/v1", "Role", NAME, app.namespace) | {"rules": inside},
        _binding("Role", NAME, app.namespace, app.namespace),
        _object(f"{RBAC}/v1", "ClusterRole", everywhere, None) | {"rules": outside},
        _binding("ClusterRole", everywhere, None, app.namespace),
        _object("v1", "ConfigMap", NAME, app.namespace) | {"data": {"relight.toml": config}},
        _object("batch/v1", "CronJob", NAME, app.namespace) | {"spec": _cronjob(app, mounted, when, pod)},
    ]


def _object(api_version: str, kind: str, name: str, namespace: str | None) -> Object:
    home = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **home, "labels": dict(LABELS)}}


def _binding(role: str, name: str, namespace: str | None, account_in: str) -> Object:
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": account_in}
    reference = {"apiGroup": RBAC, "kind": role, "name": name}
    return _object(f"{RBAC}/v1", f"{role}Binding", name, namespace) | {"roleRef": reference, "subjects": [subject]}


def _cronjob(app: App, mounted: Mounting, when: Schedule, pod: Pod) -> Object:
    job = {
        "backoffLimit": 1,
        "activeDeadlineSeconds": when.deadline,
        "ttlSecondsAfterFinished": 7 * 86_400,
        "template": {"metadata": {"labels": dict(LABELS)}, "spec": _pod(app, mounted, pod)},
    }
    return {
        "schedule": when.cron,
        "timeZone": when.zone,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": when.late,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"metadata": {"labels": dict(LABELS)}, "spec": job},
    }


def _pod(app: App, mounted: Mounting, pod: Pod) -> Object:
    reader = pod.reader or (mounted.reader if mounted.claims else NOBODY)
    names = {claim: f"claim-{number}" for number, claim in enumerate(mounted.claims)}
    volumes: Objects = [
        {"name": "config", "configMap": {"name": NAME}},
        {"name": "account", "projected": {"sources": _account(), "defaultMode": 0o444}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
        *({"name": name, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}} for claim, name in names.items()),
    ]
    last_hooks = sum(hook.deadline for hook in app.hooks if hook.when == "after_backup")
    return {
        "restartPolicy": "Never",
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": WAKING + last_hooks,
        "securityContext": _as(reader),
        **_affinity(mounted.beside),
        "containers": [_container(app, names, pod, reader)],
        "volumes": volumes,
    }


def _container(app: App, names: dict[str, str], pod: Pod, reader: Reader) -> Object:
    places = [("config", CONFIG), ("account", ACCOUNT), ("tmp", TMP)]
    mounts: Objects = [{"name": name, "mountPath": path, "readOnly": name != "tmp"} for name, path in places]
    mounts += [{"name": name, "mountPath": f"{CLAIMS}/{claim}", "readOnly": True} for claim, name in names.items()]
    told = [word for claim in names for word in ("--volume", f"{claim}={CLAIMS}/{claim}")]
    capabilities = {"drop": ["ALL"]} | ({"add": ["DAC_OVERRIDE"]} if reader.user == 0 else {})
    keys = {"envFrom": [{"secretRef": {"name": pod.secret}}]} if pod.secret else {}
    return {
        "name": "backup",
        "image": pod.image,
        "command": ["python3", "-m", "relight.cli", "backup"],
        "args": ["--config", f"{CONFIG}/relight.toml", "--app", app.name, "--in-cluster", *told],
        "workingDir": TMP,
        "env": [{"name": "PYTHONUNBUFFERED", "value": "1"}],
        **keys,
        "volumeMounts": mounts,
        "resources": {name: dict(amounts) for name, amounts in RESOURCES.items()},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": capabilities,
        },
    }


def _account() -> Objects:
    """What Kubernetes would mount by itself, said in full: a token that ends, the API's certificate, the namespace."""
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]


def _as(reader: Reader) -> Object:
    more = {"supplementalGroups": list(reader.more_groups)} if reader.more_groups else {}
    user = {"runAsNonRoot": reader != ROOT, "runAsUser": reader.user, "runAsGroup": reader.group}
    return {**user, **more, "seccompProfile": {"type": "RuntimeDefault"}}


def _affinity(beside: tuple[Object, ...]) -> Object:
    """A ReadWriteOnce claim is attached to one node: elsewhere the pod would wait for it for ever."""
    terms = [{"labelSelector": dict(selector), "topologyKey": "kubernetes.io/hostname"} for selector in beside]
    if not terms:
        return {}
    return {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}
