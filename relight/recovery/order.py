"""The order of a restore, as data: each wave is applied concurrently, and is done before the next one starts."""

from relight.recovery.cluster import Object

EVERYTHING_ELSE = "*"
WAVES: tuple[tuple[str, ...], ...] = (
    ("CustomResourceDefinition",),
    ("Namespace", "PriorityClass", "RuntimeClass", "StorageClass", "IngressClass", "CSIDriver"),
    # The deny-egress policy is in force before anything can run.
    ("NetworkPolicy", "ServiceAccount", "LimitRange", "ResourceQuota", "ClusterRole", "Role", "PersistentVolume"),
    ("ClusterRoleBinding", "RoleBinding", "Secret", "ConfigMap", "PersistentVolumeClaim"),
    ("Service", "PodDisruptionBudget", "PodTemplate", EVERYTHING_ELSE),
    ("Pod", "ReplicaSet", "ReplicationController", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"),
    ("HorizontalPodAutoscaler", "Ingress"),
    # Last: these can refuse every later write.
    (
        "APIService",
        "FlowSchema",
        "PriorityLevelConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
    ),
)
_WAVE_BY_KIND = {kind: number for number, kinds in enumerate(WAVES) for kind in kinds}


def wave(obj: Object) -> int:
    """The wave in which an object is applied; kinds without a place of their own go where custom resources go."""
    return _WAVE_BY_KIND.get(str(obj.get("kind")), _WAVE_BY_KIND[EVERYTHING_ELSE])
