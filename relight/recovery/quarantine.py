"""What a restored app may not do until it is promoted: a table of rules, each a change in place and a note, or nothing."""

from collections.abc import Callable

from relight.config import Quarantine
from relight.recovery.cluster import Object
from relight.recovery.context import TransformContext
from relight.recovery.images import repository
from relight.recovery.objects import containers, pod_spec

Rule = Callable[[Object, TransformContext], str | None]

POLICY = "relight-quarantine"
RESTARTED_BY_RELEASE = "relight.dev/quarantined"
ADMISSION = frozenset(
    {
        "APIService",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
# Images of controllers that act outside the cluster: on DNS, load balancers, certificates.
ACTS_OUTSIDE = (
    "external-dns",
    "load-balancer-controller",
    "alb-ingress-controller",
    "cloud-controller-manager",
    "cert-manager",
)
LOAD_BALANCER_FIELDS = (
    "allocateLoadBalancerNodePorts",
    "externalTrafficPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
)
LONG_RUNNING = ("Deployment", "StatefulSet", "DaemonSet")


def suspend(obj: Object, _: TransformContext) -> str | None:
    if obj["kind"] not in ("CronJob", "Job") or obj.get("spec", {}).get("suspend"):
        return None
    obj.setdefault("spec", {})["suspend"] = True
    return "suspended"


def load_balancer(obj: Object, _: TransformContext) -> str | None:
    spec = obj.get("spec") or {}
    if obj["kind"] != "Service" or spec.get("type") != "LoadBalancer":
        return None
    spec["type"] = "ClusterIP"
    for key in LOAD_BALANCER_FIELDS:
        spec.pop(key, None)
    for port in spec.get("ports") or []:
        port.pop("nodePort", None)
    return "LoadBalancer to ClusterIP"


def outside_controller(obj: Object, _: TransformContext) -> str | None:
    name = _acts_outside(obj) if obj["kind"] in ("Deployment", "StatefulSet", "ReplicaSet") else None
    if name is None or obj["spec"].get("replicas", 1) == 0:
        return None
    was, obj["spec"]["replicas"] = obj["spec"].get("replicas", 1), 0
    return f"scaled from {was} to 0 replicas: {name} acts outside the cluster"


def config_values(obj: Object, context: TransformContext) -> str | None:
    values = context.quarantine.config.get(obj["metadata"]["name"]) if obj["kind"] == "ConfigMap" else None
    if not values:
        return None
    obj["data"] = {**(obj.get("data") or {}), **values}
    obj.pop("immutable", None)
    return f"value of {', '.join(sorted(values))} replaced"


def restart_on_release(obj: Object, context: TransformContext) -> str | None:
    """Pods read their configuration when they start: the mark's removal starts them anew with the real values."""
    spec = pod_spec(obj) if obj["kind"] in LONG_RUNNING else None
    if spec is None or not config_names(spec) & set(context.quarantine.config):
        return None
    obj["spec"]["template"].setdefault("metadata", {}).setdefault("annotations", {})[RESTARTED_BY_RELEASE] = "true"
    return "marked to restart when released"


def host_network(obj: Object, _: TransformContext) -> str | None:
    spec = pod_spec(obj)
    if spec is None or not spec.pop("hostNetwork", False):
        return None
    return "taken off the host's network, which no policy covers"


def open_policy(obj: Object, _: TransformContext) -> str | None:
    """Policies add up: an egress rule of the app's own would undo the quarantine."""
    spec = obj.get("spec") or {}
    if obj["kind"] != "NetworkPolicy" or not (spec.get("egress") or "Egress" in (spec.get("policyTypes") or [])):
        return None
    spec.pop("egress", None)
    spec["policyTypes"] = ["Ingress"]
    return "its egress rules left out"


RULES: tuple[Rule, ...] = (
    suspend,
    load_balancer,
    outside_controller,
    config_values,
    restart_on_release,
    host_network,
    open_policy,
)


def withheld(obj: Object, _: TransformContext) -> str | None:
    """Why an object is not there at all until promotion."""
    if obj["kind"] in ADMISSION:
        return "left out until promotion: it could refuse or rewrite what is restored"
    if obj["kind"] == "DaemonSet" and (name := _acts_outside(obj)):
        return f"left out until promotion: {name} acts outside the cluster"
    if obj["kind"] == "NetworkPolicy" and (obj.get("spec") or {}).get("policyTypes") == ["Egress"]:
        return "left out until promotion: it allows egress"
    return None


def deny_egress(namespace: str, quarantine: Quarantine) -> Object:
    """Nothing leaves the namespace but name lookups and what the app declares."""
    dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    ports = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    declared = [{"to": [{"ipBlock": {"cidr": cidr}} for cidr in quarantine.allow_egress]}] if quarantine.allow_egress else []
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": POLICY, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "relight"}},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [dns], "ports": ports}, {"to": [{"podSelector": {}}]}, *declared],
        },
    }


def _acts_outside(obj: Object) -> str | None:
    names = [repository(str(item.get("image", ""))).rsplit("/", 1)[-1] for item in containers(pod_spec(obj) or {})]
    return next((name for name in names if any(part in name for part in ACTS_OUTSIDE)), None)


def config_names(spec: Object) -> set[str]:
    """The ConfigMaps that a pod reads."""
    volumes = spec.get("volumes") or []
    sources = [source for volume in volumes for source in (volume, *(volume.get("projected", {}).get("sources") or []))]
    refs = [source.get("configMap") for source in sources]
    for item in containers(spec):
        refs += [source.get("configMapRef") for source in item.get("envFrom") or []]
        refs += [(entry.get("valueFrom") or {}).get("configMapKeyRef") for entry in item.get("env") or []]
    return {str(ref["name"]) for ref in refs if ref and ref.get("name")}
