"""The kinds the cluster serves: a table of built-in ones, and those that CRDs add while it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relight.local.cluster.schema import Schema, of_custom, of_kind


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One resource in one version. ``key`` (``pods``, ``jobs.batch``) names its objects in the store, in any version."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    schema: Schema
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ("status",)
    generation: bool = False
    custom: bool = False

    @property
    def key(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.kind.lower()


# apiVersion | kind | plural | scope | short names | subresources | counts generations
TABLE = """
v1 | ConfigMap | configmaps | ns | cm | |
v1 | Endpoints | endpoints | ns | ep | |
v1 | Event | events | ns | ev | |
v1 | LimitRange | limitranges | ns | limits | |
v1 | Namespace | namespaces | - | ns | status |
v1 | Node | nodes | - | no | status |
v1 | PersistentVolume | persistentvolumes | - | pv | status |
v1 | PersistentVolumeClaim | persistentvolumeclaims | ns | pvc | status |
v1 | Pod | pods | ns | po | status log proxy |
v1 | PodTemplate | podtemplates | ns | | |
v1 | ReplicationController | replicationcontrollers | ns | rc | status scale | yes
v1 | ResourceQuota | resourcequotas | ns | quota | status |
v1 | Secret | secrets | ns | | |
v1 | Service | services | ns | svc | status proxy |
v1 | ServiceAccount | serviceaccounts | ns | sa | |
admissionregistration.k8s.io/v1 | MutatingWebhookConfiguration | mutatingwebhookconfigurations | - | | | yes
admissionregistration.k8s.io/v1 | ValidatingAdmissionPolicy | validatingadmissionpolicies | - | | status | yes
admissionregistration.k8s.io/v1 | ValidatingAdmissionPolicyBinding | validatingadmissionpolicybindings | - | | | yes
admissionregistration.k8s.io/v1 | ValidatingWebhookConfiguration | validatingwebhookconfigurations | - | | | yes
apiextensions.k8s.io/v1 | CustomResourceDefinition | customresourcedefinitions | - | crd crds | status | yes
apiregistration.k8s.io/v1 | APIService | apiservices | - | | status |
apps/v1 | ControllerRevision | controllerrevisions | ns | | |
apps/v1 | DaemonSet | daemonsets | ns | ds | status | yes
apps/v1 | Deployment | deployments | ns | deploy | status scale | yes
apps/v1 | ReplicaSet | replicasets | ns | rs | status scale | yes
apps/v1 | StatefulSet | statefulsets | ns | sts | status scale | yes
autoscaling/v2 | HorizontalPodAutoscaler | horizontalpodautoscalers | ns | hpa | status |
batch/v1 | CronJob | cronjobs | ns | cj | status | yes
batch/v1 | Job | jobs | ns | | status | yes
coordination.k8s.io/v1 | Lease | leases | ns | | |
discovery.k8s.io/v1 | EndpointSlice | endpointslices | ns | | | yes
networking.k8s.io/v1 | Ingress | ingresses | ns | ing | status | yes
networking.k8s.io/v1 | IngressClass | ingressclasses | - | | | yes
networking.k8s.io/v1 | NetworkPolicy | networkpolicies | ns | netpol | | yes
node.k8s.io/v1 | RuntimeClass | runtimeclasses | - | | |
policy/v1 | PodDisruptionBudget | poddisruptionbudgets | ns | pdb | status | yes
rbac.authorization.k8s.io/v1 | ClusterRole | clusterroles | - | | |
rbac.authorization.k8s.io/v1 | ClusterRoleBinding | clusterrolebindings | - | | |
rbac.authorization.k8s.io/v1 | Role | roles | ns | | |
rbac.authorization.k8s.io/v1 | RoleBinding | rolebindings | ns | | |
scheduling.k8s.io/v1 | PriorityClass | priorityclasses | - | pc | | yes
storage.k8s.io/v1 | CSIDriver | csidrivers | - | | |
storage.k8s.io/v1 | CSINode | csinodes | - | | |
storage.k8s.io/v1 | StorageClass | storageclasses | - | sc | |
storage.k8s.io/v1 | VolumeAttachment | volumeattachments | - | | status |
"""


def _row(line: str) -> Resource:
    api_version, kind, plural, scope, short, subresources, generation = (cell.strip() for cell in line.split("|"))
    group, _, version = api_version.rpartition("/")
    return Resource(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        namespaced=scope == "ns",
        schema=of_kind(group, version, kind),
        short=tuple(short.split()),
        subresources=tuple(subresources.split()),
        generation=bool(generation),
    )


class Kinds:
    """Looks kinds up by path or by key; ``establish`` and ``forget`` follow the CRDs in the store."""

    def __init__(self) -> None:
        rows = [_row(line) for line in TABLE.strip().splitlines()]
        self.served = {(row.group, row.version, row.plural): row for row in rows}
        self.preferred = {row.key: row for row in rows}

    def __getitem__(self, key: str) -> Resource:
        return self.preferred[key]

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.served.values())

    def at(self, group: str, version: str, plural: str) -> Resource | None:
        return self.served.get((group, version, plural))

    def establish(self, crd: dict[str, Any]) -> None:
        self.forget(crd)
        for version in sorted(crd["spec"]["versions"], key=lambda one: bool(one.get("storage"))):
            if version.get("served"):
                resource = _custom(crd["spec"], version)
                self.served[resource.group, resource.version, resource.plural] = resource
                self.preferred[resource.key] = resource  # the storage version comes last, so it stays

    def forget(self, crd: dict[str, Any]) -> None:
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        self.served = {at: row for at, row in self.served.items() if (row.group, row.plural) != (group, plural)}
        self.preferred.pop(f"{plural}.{group}", None)


def _custom(spec: dict[str, Any], version: dict[str, Any]) -> Resource:
    names = spec["names"]
    return Resource(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        namespaced=spec["scope"] == "Namespaced",
        schema=of_custom((version.get("schema") or {}).get("openAPIV3Schema")),
        short=tuple(names.get("shortNames") or ()),
        subresources=tuple(version.get("subresources") or {}),
        generation=True,
        custom=True,
    )
