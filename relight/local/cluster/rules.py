"""What the API refuses beyond the schema: names, selectors that do not fit, references to what is not there."""

import re
from collections.abc import Callable, Iterator, Set
from typing import Any

from croniter import croniter

from relight.local.cluster import changes
from relight.local.cluster.kinds import Resource
from relight.local.cluster.refusals import Cause, invalid_value
from relight.local.cluster.selectors import selects

Obj = dict[str, Any]
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PATH_SEGMENT = re.compile(r"(?!\.\.?$)[^/%]+")
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
ANY_RESTART = ("Always", "OnFailure", "Never")
NONE: frozenset[Any] = frozenset()
LARGEST_DATA = 2**20  # bytes of a ConfigMap's or Secret's values
NAMES_RULE = {"namespaces": (LABEL, 63), "services": (LABEL, 63)}
RFC_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
RFC_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)


def faults(resource: Resource, obj: Obj, live: Obj | None) -> list[Cause]:
    """Every fault of ``obj`` as the API would list it; ``live`` is the object it replaces, if there is one."""
    found = list(_metadata(resource, obj["metadata"]))
    found += [cause for rule in RULES.get(resource.key, ()) for cause in rule(obj)]
    if live is not None:
        found += changes.faults(resource.key, obj, live)
    return found


def _metadata(resource: Resource, meta: Obj) -> Iterator[Cause]:
    name = meta["name"]
    pattern, longest = NAMES_RULE.get(resource.key, (SUBDOMAIN, 253))
    if resource.group == "rbac.authorization.k8s.io":
        pattern = PATH_SEGMENT
    if not pattern.fullmatch(name):
        rule = RFC_LABEL if pattern is LABEL else RFC_SUBDOMAIN
        yield invalid_value("metadata.name", name, rule)
    if len(name) > longest:
        yield Cause("metadata.name", "FieldValueTooLong", f"Too long: may not be more than {longest} bytes")
    for value in (meta.get("labels") or {}).values():
        if len(value) > 63 or not LABEL_VALUE.fullmatch(value):
            yield invalid_value(
                "metadata.labels", value, "a valid label must be at most 63 alphanumeric characters, '-', '_' or '.'"
            )


def _required(path: str, why: str = "") -> Cause:
    return Cause(path, "FieldValueRequired", "Required value" + (f": {why}" if why else ""))


def _selector(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    labels = (spec.get("template") or {}).get("metadata") or {}
    if spec.get("selector") and not selects(spec["selector"], {"metadata": labels}):
        yield invalid_value(
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
            yield invalid_value(
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
            yield invalid_value(f"spec.template.metadata.labels[{label}]", labels[label], f"must be '{uid}'")
    if not spec.get("manualSelector") and not selects(spec.get("selector"), {"metadata": {"labels": labels}}):
        yield invalid_value("spec.selector", spec.get("selector"), "`selector` not auto-generated")
    yield from _pod((obj["spec"].get("template") or {}).get("spec") or {}, "spec.template.spec", ("OnFailure", "Never"))


def _cronjob(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    if not croniter.is_valid(spec.get("schedule", "")):
        yield invalid_value(
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
    plain, encoded = ((), "data") if obj["kind"] == "Secret" else ((obj.get("data") or {}).values(), "binaryData")
    bytes_of = [len(text.encode()) for text in plain] + [len(text) * 3 // 4 for text in (obj.get(encoded) or {}).values()]
    if sum(bytes_of) > LARGEST_DATA:
        yield Cause("data", "FieldValueTooLong", f"Too long: must have at most {LARGEST_DATA} bytes")
    for key in (obj.get("data") or {}).keys() | (obj.get("binaryData") or {}).keys():
        if not DATA_KEY.fullmatch(key):
            why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
            yield invalid_value(f"data[{key}]", key, why)


def _definition(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    expected = f"{spec['names']['plural']}.{spec['group']}"
    if obj["metadata"]["name"] != expected:
        yield invalid_value(
            "metadata.name", obj["metadata"]["name"], f'must be spec.names.plural+"."+spec.group ({expected})'
        )
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
