"""What the API refuses beyond the schema: names, selectors that do not fit, fields that may not change."""

import re
from collections.abc import Callable, Iterator, Set
from typing import Any

import msgspec
from croniter import croniter

from relight.local.cluster.kinds import Resource
from relight.local.cluster.refusals import Cause
from relight.local.cluster.selectors import selects

Obj = dict[str, Any]
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PATH_SEGMENT = re.compile(r"(?!\.\.?$)[^/%]+")
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
ANY_RESTART = ("Always", "OnFailure", "Never")
NONE: frozenset[Any] = frozenset()
NAMES_RULE = {"namespaces": (LABEL, 63), "services": (LABEL, 63)}
RFC_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
RFC_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)

IMMUTABLE: dict[str, tuple[str, ...]] = {
    "jobs.batch": ("spec.selector", "spec.template", "spec.completionMode"),
    "deployments.apps": ("spec.selector",),
    "replicasets.apps": ("spec.selector",),
    "daemonsets.apps": ("spec.selector",),
    "secrets": ("type",),
    "storageclasses.storage.k8s.io": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "rolebindings.rbac.authorization.k8s.io": ("roleRef",),
    "clusterrolebindings.rbac.authorization.k8s.io": ("roleRef",),
    "customresourcedefinitions.apiextensions.k8s.io": ("spec.scope", "spec.group"),
    "pods": ("spec.volumes", "spec.nodeSelector", "spec.serviceAccountName", "spec.restartPolicy", "spec.hostNetwork"),
}
# Specs of which only the named fields may change: (fields, the API's words).
FROZEN: dict[str, tuple[tuple[str, ...], str]] = {
    "persistentvolumeclaims": (
        ("resources", "volumeAttributesClassName", "volumeName"),
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
    ),
    "persistentvolumes": (
        (
            "claimRef",
            "capacity",
            "accessModes",
            "mountOptions",
            "nodeAffinity",
            "persistentVolumeReclaimPolicy",
            "storageClassName",
        ),
        "spec.persistentvolumesource is immutable after creation",
    ),
    "statefulsets.apps": (
        ("replicas", "ordinals", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
        "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
}


def faults(resource: Resource, obj: Obj, live: Obj | None) -> list[Cause]:
    """Every fault of ``obj`` as the API would list it; ``live`` is the object it replaces, if there is one."""
    found = list(_metadata(resource, obj["metadata"]))
    found += [cause for rule in RULES.get(resource.key, ()) for cause in rule(obj)]
    if live is not None:
        found += _changes(resource.key, obj, live)
    return found


def _metadata(resource: Resource, meta: Obj) -> Iterator[Cause]:
    name = meta["name"]
    pattern, longest = NAMES_RULE.get(resource.key, (SUBDOMAIN, 253))
    if resource.group == "rbac.authorization.k8s.io":
        pattern = PATH_SEGMENT
    if not pattern.fullmatch(name):
        rule = RFC_LABEL if pattern is LABEL else RFC_SUBDOMAIN
        yield _invalid("metadata.name", name, rule)
    if len(name) > longest:
        yield Cause("metadata.name", "FieldValueTooLong", f"Too long: may not be more than {longest} bytes")
    for value in (meta.get("labels") or {}).values():
        if len(value) > 63 or not LABEL_VALUE.fullmatch(value):
            yield _invalid(
                "metadata.labels", value, "a valid label must be at most 63 alphanumeric characters, '-', '_' or '.'"
            )


def _invalid(path: str, value: Any, why: str) -> Cause:
    return Cause(path, "FieldValueInvalid", f"Invalid value: {msgspec.json.encode(value).decode()}: {why}")


def _required(path: str, why: str = "") -> Cause:
    return Cause(path, "FieldValueRequired", "Required value" + (f": {why}" if why else ""))


def _selector(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    labels = (spec.get("template") or {}).get("metadata") or {}
    if spec.get("selector") and not selects(spec["selector"], {"metadata": labels}):
        yield _invalid(
            "spec.template.metadata.labels", labels.get("labels") or {}, "`selector` does not match template `labels`"
        )


def _pod(spec: Obj, path: str, restart: tuple[str, ...] = ANY_RESTART, claimed: Set[Any] = NONE) -> Iterator[Cause]:
    volumes = claimed | {volume.get("name") for volume in spec.get("volumes") or ()}
    if not spec.get("containers"):
        yield _required(f"{path}.containers")
    if spec.get("restartPolicy") not in restart:
        supported = ", ".join(f'"{one}"' for one in restart if one != "Always") if len(restart) == 2 else ", ".join(restart)
        given = f'Unsupported value: "{spec.get("restartPolicy")}": supported values: {supported}'
        yield Cause(f"{path}.restartPolicy", "FieldValueNotSupported", given)
    for group in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(group) or ()):
            yield from _container(container, f"{path}.{group}[{index}]", volumes)


def _container(container: Obj, path: str, volumes: Set[Any]) -> Iterator[Cause]:
    if not container.get("image"):
        yield _required(f"{path}.image")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            yield Cause(f"{path}.volumeMounts[{index}].name", "FieldValueNotFound", f'Not found: "{mount.get("name")}"')
    for index, port in enumerate(container.get("ports") or ()):
        if not 0 < port.get("containerPort", 0) < 65_536:
            yield _invalid(
                f"{path}.ports[{index}].containerPort",
                port.get("containerPort", 0),
                "must be between 1 and 65535, inclusive",
            )


def _template(obj: Obj) -> Iterator[Cause]:
    yield from _selector(obj)
    claimed = {(one.get("metadata") or {}).get("name") for one in obj["spec"].get("volumeClaimTemplates") or ()}
    yield from _pod((obj["spec"].get("template") or {}).get("spec") or {}, "spec.template.spec", ("Always",), claimed)


def _job(obj: Obj) -> Iterator[Cause]:
    spec, uid = obj["spec"], obj["metadata"].get("uid")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    for label in ("batch.kubernetes.io/controller-uid", "controller-uid"):
        if not spec.get("manualSelector") and labels.get(label, uid) != uid:
            yield _invalid(f"spec.template.metadata.labels[{label}]", labels[label], f"must be '{uid}'")
    if not spec.get("manualSelector") and not selects(spec.get("selector"), {"metadata": {"labels": labels}}):
        yield _invalid("spec.selector", spec.get("selector"), "`selector` not auto-generated")
    yield from _pod((obj["spec"].get("template") or {}).get("spec") or {}, "spec.template.spec", ("OnFailure", "Never"))


def _cronjob(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    if not croniter.is_valid(spec.get("schedule", "")):
        yield _invalid(
            "spec.schedule", spec.get("schedule", ""), "expected exactly 5 fields, or a descriptor such as @daily"
        )
    pod = spec.get("jobTemplate", {}).get("spec", {}).get("template", {}).get("spec") or {}
    yield from _pod(pod, "spec.jobTemplate.spec.template.spec", ("OnFailure", "Never"))


def _service(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    if not spec.get("ports") and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield _required("spec.ports")
    for index, port in enumerate(spec.get("ports") or ()):
        if len(spec["ports"]) > 1 and not port.get("name"):
            yield _required(f"spec.ports[{index}].name")


def _claim(obj: Obj) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        yield _required("spec.accessModes", "at least 1 access mode is required")
    if "storage" not in ((spec.get("resources") or {}).get("requests") or {}):
        yield _required("spec.resources[storage]")


def _volume(obj: Obj) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        yield _required("spec.accessModes")
    if not spec.get("capacity"):
        yield _required("spec.capacity")
    if not any(name in spec for name in ("hostPath", "local", "csi", "nfs", "iscsi", "fc", "awsElasticBlockStore")):
        yield _required("spec", "must specify a volume type")


def _data(obj: Obj) -> Iterator[Cause]:
    for key in (obj.get("data") or {}).keys() | (obj.get("binaryData") or {}).keys():
        if not DATA_KEY.fullmatch(key):
            why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
            yield _invalid(f"data[{key}]", key, why)


def _definition(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    expected = f"{spec['names']['plural']}.{spec['group']}"
    if obj["metadata"]["name"] != expected:
        yield _invalid("metadata.name", obj["metadata"]["name"], f'must be spec.names.plural+"."+spec.group ({expected})')
    for index, version in enumerate(spec.get("versions") or ()):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            yield _required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")


RULES: dict[str, tuple[Callable[[Obj], Iterator[Cause]], ...]] = {
    "pods": (lambda obj: _pod(obj["spec"], "spec"),),
    "deployments.apps": (_template,),
    "replicasets.apps": (_template,),
    "statefulsets.apps": (_template,),
    "daemonsets.apps": (_template,),
    "jobs.batch": (_job,),
    "cronjobs.batch": (_cronjob,),
    "services": (_service,),
    "persistentvolumeclaims": (_claim,),
    "persistentvolumes": (_volume,),
    "configmaps": (_data,),
    "secrets": (_data,),
    "customresourcedefinitions.apiextensions.k8s.io": (_definition,),
}


def _at(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def _changes(key: str, obj: Obj, live: Obj) -> Iterator[Cause]:
    for path in IMMUTABLE.get(key, ()):
        if _at(obj, path) != _at(live, path):
            yield _invalid(path, _at(obj, path), "field is immutable")
    if key in FROZEN:
        free, words = FROZEN[key]
        rest = [{name: part for name, part in (one.get("spec") or {}).items() if name not in free} for one in (obj, live)]
        if rest[0] != rest[1]:
            yield Cause("spec", "FieldValueForbidden", f"Forbidden: {words}")
    internal = key == "services" and "ExternalName" not in (obj["spec"].get("type"), live["spec"].get("type"))
    if internal and obj["spec"].get("clusterIP") != live["spec"].get("clusterIP"):
        yield _invalid("spec.clusterIPs[0]", obj["spec"].get("clusterIPs"), "may not change once set")
    if live.get("immutable") and any(obj.get(part) != live.get(part) for part in ("data", "binaryData", "immutable")):
        yield Cause("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")
