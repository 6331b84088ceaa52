"""What a real API server fills in where a manifest says nothing, as data: ``*`` stands for every item of a list."""

from base64 import b64encode
from typing import Any

from relight.local.cluster import addresses
from relight.local.cluster.store import Store, copy

Obj = dict[str, Any]

HTTP_GET: Obj = {"httpGet?": {"path": "/", "scheme": "HTTP"}}
PROBE: Obj = HTTP_GET | {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
FIELDS: Obj = {"items": {"*": {"fieldRef?": {"apiVersion": "v1"}}}}
CONTAINER: Obj = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "ports": {"*": {"protocol": "TCP"}},
    "env": {"*": {"valueFrom?": {"fieldRef?": {"apiVersion": "v1"}}}},
    "readinessProbe?": PROBE,
    "livenessProbe?": PROBE,
    "startupProbe?": PROBE,
    "lifecycle?": {"preStop?": HTTP_GET, "postStart?": HTTP_GET},
}
POD: Obj = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "containers": {"*": CONTAINER},
    "initContainers": {"*": CONTAINER},
    "volumes": {
        "*": {
            "secret?": {"defaultMode": 420},
            "configMap?": {"defaultMode": 420},
            "hostPath?": {"type": ""},
            "downwardAPI?": {"defaultMode": 420} | FIELDS,
            "projected?": {
                "defaultMode": 420,
                "sources": {"*": {"serviceAccountToken?": {"expirationSeconds": 3600}, "downwardAPI?": FIELDS}},
            },
        }
    },
}
JOB: Obj = {
    "parallelism": 1,
    "completions": 1,
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "suspend": False,
    "podReplacementPolicy": "TerminatingOrFailed",
    "template": {"spec": POD},
}
ROLLING = {"type": "RollingUpdate"}
PEERS = {"*": {"ports": {"*": {"protocol": "TCP"}}}}
WEBHOOK: Obj = {
    "clientConfig?": {"service?": {"port": 443}},
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
    "rules": {"*": {"scope": "*"}},
}

DEFAULTS: dict[str, Obj] = {
    "pods": {
        "spec": POD
        | {"serviceAccountName": "default", "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority"}
    },
    "deployments.apps": {
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "strategy": ROLLING,
            "template": {"spec": POD},
        }
    },
    "replicasets.apps": {"spec": {"replicas": 1, "template": {"spec": POD}}},
    "statefulsets.apps": {
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": ROLLING,
            "template": {"spec": POD},
            "volumeClaimTemplates": {
                "*": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"volumeMode": "Filesystem"}}
            },
        }
    },
    "daemonsets.apps": {"spec": {"revisionHistoryLimit": 10, "updateStrategy": ROLLING, "template": {"spec": POD}}},
    "jobs.batch": {"spec": JOB},
    "cronjobs.batch": {
        "spec": {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {"spec": {"template": {"spec": POD}}},
        }
    },
    "services": {
        "spec": {
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
            "ports": {"*": {"protocol": "TCP"}},
        },
        "status": {"loadBalancer": {}},
    },
    "persistentvolumeclaims": {"spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}},
    "persistentvolumes": {
        "spec": {"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"},
        "status": {"phase": "Pending"},
    },
    "secrets": {"type": "Opaque"},
    "namespaces": {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}},
    "storageclasses.storage.k8s.io": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "customresourcedefinitions.apiextensions.k8s.io": {"spec": {"conversion": {"strategy": "None"}}},
    "networkpolicies.networking.k8s.io": {"spec": {"policyTypes": ["Ingress"], "ingress": PEERS, "egress": PEERS}},
    "priorityclasses.scheduling.k8s.io": {"preemptionPolicy": "PreemptLowerPriority"},
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": {
        "webhooks": {"*": WEBHOOK | {"reinvocationPolicy": "Never"}}
    },
    "validatingwebhookconfigurations.admissionregistration.k8s.io": {"webhooks": {"*": WEBHOOK}},
}
# Where a kind keeps its pods' spec.
POD_SPECS = {
    "pods": "spec",
    "cronjobs.batch": "spec.jobTemplate.spec.template.spec",
    **dict.fromkeys(
        ("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch"), "spec.template.spec"
    ),
}
# A rollout's field, and its defaults where its type is RollingUpdate.
ROLLOUTS: dict[str, tuple[str, Obj]] = {
    "deployments.apps": ("strategy", {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
    "statefulsets.apps": ("updateStrategy", {"rollingUpdate": {"partition": 0}}),
    "daemonsets.apps": ("updateStrategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
}
PROTECTED = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
    "customresourcedefinitions.apiextensions.k8s.io": "customresourcecleanup.apiextensions.k8s.io",
}


def fill(value: Obj, defaults: Obj) -> None:
    """Sets what is absent, in place. A name that ends in ``?`` is filled only where the object already has it."""
    for name, default in defaults.items():
        optional = name.endswith("?")
        name = name.rstrip("?")
        if name not in value:
            if not optional and not (isinstance(default, dict) and "*" in default):
                value[name] = copy(default)
                if isinstance(default, dict):
                    _strip_patterns(value[name])
        elif isinstance(default, dict):
            each = value[name] if "*" in default and isinstance(value[name], list) else [value[name]]
            for item in each:
                if isinstance(item, dict):
                    fill(item, default.get("*", default))


def _strip_patterns(value: Obj) -> None:
    for name in [name for name in value if name.endswith("?") or name == "*"]:
        del value[name]
    for name, part in list(value.items()):
        if isinstance(part, dict) and "*" in part:
            del value[name]
        elif isinstance(part, dict):
            _strip_patterns(part)


def complete(key: str, obj: Obj, live: Obj | None, store: Store) -> None:
    """Fills in the defaults of the kind, and on creation what the cluster assigns."""
    if key == "networkpolicies.networking.k8s.io" and "egress" in obj.get("spec", {}):
        obj["spec"].setdefault("policyTypes", ["Ingress", "Egress"])
    fill(obj, DEFAULTS.get(key, {}))
    if key in POD_SPECS:
        _complete_pod(obj, POD_SPECS[key])
    if key in ROLLOUTS and obj["spec"][ROLLOUTS[key][0]]["type"] == "RollingUpdate":
        fill(obj["spec"][ROLLOUTS[key][0]], ROLLOUTS[key][1])
    if key == "services":
        addresses.complete(obj["spec"], live, store)
    elif key == "secrets" and "stringData" in obj:
        _encode_strings(obj)
    elif key == "jobs.batch" and live is None:
        _select_pods(obj)
    elif key == "persistentvolumeclaims" and live is None:
        _default_class(obj["spec"], store)
    if live is None and key in PROTECTED:
        obj["metadata"].setdefault("finalizers", [])
        if PROTECTED[key] not in obj["metadata"]["finalizers"]:
            obj["metadata"]["finalizers"].append(PROTECTED[key])


def _complete_pod(obj: Obj, path: str) -> None:
    spec = obj
    for part in path.split("."):
        spec = spec.get(part) or {}
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        name = str(container.get("image", "")).rpartition("/")[2]
        always = "@" not in name and (":" not in name or name.endswith(":latest"))
        container.setdefault("imagePullPolicy", "Always" if always else "IfNotPresent")
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]


def _select_pods(job: Obj) -> None:
    """The labels by which a job knows its pods: its own uid. One that brings a selector of another cluster is refused."""
    meta, spec = job["metadata"], job["spec"]
    if "selector" in spec or spec.get("manualSelector"):
        return
    own = {"batch.kubernetes.io/controller-uid": meta["uid"]}
    labels = own | {"controller-uid": meta["uid"], "batch.kubernetes.io/job-name": meta["name"], "job-name": meta["name"]}
    template = spec["template"].setdefault("metadata", {})
    template["labels"] = labels | (template.get("labels") or {})
    spec["selector"] = {"matchLabels": own}


def _encode_strings(secret: Obj) -> None:
    plain = secret.pop("stringData")
    secret["data"] = secret.get("data", {}) | {name: b64encode(text.encode()).decode() for name, text in plain.items()}


def _default_class(spec: Obj, store: Store) -> None:
    mark = "storageclass.kubernetes.io/is-default-class"
    classes = [
        one for one in store.objects("storageclasses.storage.k8s.io") if (one["metadata"].get("annotations") or {}).get(mark)
    ]
    if classes and "storageClassName" not in spec:
        spec["storageClassName"] = classes[0]["metadata"]["name"]
