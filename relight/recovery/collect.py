"""Reads what a backup of an app must hold from its cluster: its objects, what its containers ran, where its data lies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relight.errors import ClusterRefused, RelightError, RequestInvalid, ServiceUnavailable
from relight.recovery.cluster import ClusterApi, Object, Objects
from relight.recovery.custom import cluster_kinds, named_by
from relight.recovery.images import Image, by_digest, pinned
from relight.recovery.inside import inside
from relight.recovery.objects import containers, group, identity, pod_spec
from relight.recovery.platforms import platforms, shown
from relight.recovery.references import GroupKind, mentioned, referred
from relight.recovery.release import as_before_freeze
from relight.recovery.skips import kept_by_the_cluster
from relight.recovery.unresolved import ABSENT, NO_KIND, SILENT, UNREADABLE, Unresolved, unlisted

NOISE = ("managedFields", "selfLink")
RBAC = "rbac.authorization.k8s.io"
CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
# Objects that have the API server call a Service.
CALLERS = (
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiregistration.k8s.io", "APIService"),
)
# What is looked through at cluster scope for what belongs to the app.
SEARCHED = ((RBAC, "ClusterRoleBinding"), *CALLERS, CRD)
Served = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimData:
    """Where a claim's files are on this machine."""

    namespace: str
    claim: str
    directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """``volumes``: the directory of each bound claim. ``source`` is metadata.json's: the cluster and its version.
    ``unresolved``: what objects refer to at cluster scope and the backup lacks, with the reason. ``platforms``: where each
    image was seen running, by its reference."""

    objects: Objects = field(repr=False)
    images: tuple[Image, ...]
    volumes: tuple[ClaimData, ...]
    source: dict[str, str]
    unresolved: tuple[Unresolved, ...] = ()
    platforms: dict[str, list[str]] = field(default_factory=dict)


def collect(
    cluster: ClusterApi, namespace: str, *, directories: Mapping[str, Path] | None = None, name: str = ""
) -> Collected:
    """Everything of the namespace, and what it refers to beyond it. ``directories``: a claim's files by claim, where told.

    An API that a Service answers for and that does not answer is told in ``unresolved``.
    Raises RequestInvalid when the namespace is not there or a bound claim's files cannot be found on this machine.
    """
    home = cluster.get("v1", "Namespace", None, namespace)
    if home is None:
        raise RequestInvalid(f"namespace {namespace!r}", "is not in the cluster", "name the app's namespace in relight.toml")
    home |= {"apiVersion": "v1", "kind": "Namespace"}
    own, silent = inside(cluster, namespace)
    beyond, unresolved = _beyond(cluster, namespace, own)
    objects = [home, *own, *beyond]
    pods = cluster.list("v1", "Pod", namespace)
    bare = [pod for pod in pods if not pod["metadata"].get("ownerReferences")]
    version = cluster.version()
    return Collected(
        objects=[_quiet(as_before_freeze(obj)) for obj in (*objects, *bare)],
        images=_images(own + bare, pods),
        volumes=tuple(_volumes(cluster, namespace, own, directories or {})),
        source={"cluster": name or namespace, "kubernetes_version": str(version.get("gitVersion", ""))},
        unresolved=(*unlisted(str(identity(home)), silent), *unresolved),
        platforms=platforms(cluster, pods),
    )


def _beyond(cluster: ClusterApi, namespace: str, inside: Objects) -> tuple[Objects, list[Unresolved]]:
    """What the app refers to at cluster scope, and what refers to a Service of it: nothing else of the cluster."""
    served = {(kind.api_version.rpartition("/")[0], kind.kind): kind.api_version for kind in cluster.resources()}
    bindings = [one for one in _all(cluster, served, RBAC, "ClusterRoleBinding") if _binds(one, namespace)]
    definitions = _all(cluster, served, *CRD)
    found, unresolved = _followed(cluster, served, [*inside, *bindings], cluster_kinds(definitions))
    callers = [one for kind in CALLERS for one in _all(cluster, served, *kind) if _calls(one, namespace)]
    used = {(group(obj), obj["kind"]) for obj in (*inside, *found)}
    return [*bindings, *found, *callers, *_definitions(definitions, used)], unresolved


def _followed(
    cluster: ClusterApi, served: Served, objects: Objects, kinds: frozenset[GroupKind]
) -> tuple[Objects, list[Unresolved]]:
    """What the objects name at cluster scope, and what that names in turn; and what of it is not to be had, and why."""
    found, unresolved, seen, waiting = [], [], set[tuple[GroupKind, str]](), objects
    while waiting:
        needed = {one: str(identity(obj)) for obj in waiting for one in (*referred(obj), *named_by(obj, kinds, served))}
        named = {one for obj in waiting for one in mentioned(obj)} | needed.keys()
        waiting = []
        for kind, name in sorted(named - seen):
            one, why = _named(cluster, served, kind, name)
            if one is None and (by := needed.get((kind, name))):
                unresolved.append(Unresolved(by, f"{kind[1]}.{kind[0]} {name}", why))
            elif one is not None:
                seen.add((kind, name))
                waiting += [] if kept_by_the_cluster(one) else [one]
        seen |= needed.keys()
        found += waiting
    return found, unresolved


def _binds(binding: Object, namespace: str) -> bool:
    group_name, user = f"system:serviceaccounts:{namespace}", f"system:serviceaccount:{namespace}:"
    return any(
        (item.get("kind") == "ServiceAccount" and item.get("namespace") == namespace)
        or (item.get("kind") == "Group" and item.get("name") == group_name)
        or (item.get("kind") == "User" and str(item.get("name")).startswith(user))
        for item in binding.get("subjects") or []
    )


def _calls(obj: Object, namespace: str) -> bool:
    """Whether the API server calls a Service of the namespace because of this object."""
    hooks = [(hook.get("clientConfig") or {}).get("service") for hook in obj.get("webhooks") or []]
    services = [*hooks, (obj.get("spec") or {}).get("service")]
    return any((service or {}).get("namespace") == namespace for service in services)


def _all(cluster: ClusterApi, served: Served, family: str, kind: str) -> Objects:
    """Every object of a kind, in the version that the cluster prefers; none where it serves no such kind."""
    version = served.get((family, kind))
    return cluster.list(version, kind) if version else []


def _named(cluster: ClusterApi, served: Served, kind: GroupKind, name: str) -> tuple[Object | None, str]:
    """The object, or why it cannot be had."""
    if (version := served.get(kind)) is None:
        mute = [why for silent, why in cluster.silent.items() if silent.rpartition("/")[0] == kind[0]]
        return None, f"{SILENT}: {mute[0]}" if mute else NO_KIND
    try:
        found = cluster.get(version, kind[1], None, name)
    except ClusterRefused as error:
        return None, f"{UNREADABLE}: {error}"
    except ServiceUnavailable as error:
        if not cluster.delegated(version):
            raise
        return None, f"{SILENT}: {error}"
    return ({"apiVersion": version, "kind": kind[1]} | found, "") if found else (None, ABSENT)


def _definitions(listed: Objects, kinds: set[tuple[str, str]]) -> Objects:
    return [crd for crd in listed if (crd["spec"]["group"], crd["spec"]["names"]["kind"]) in kinds]


def _quiet(obj: Object) -> Object:
    return obj | {"metadata": {key: value for key, value in obj["metadata"].items() if key not in NOISE}}


# ---------------------------------------------------------------- images
def _images(objects: Objects, pods: Objects) -> tuple[Image, ...]:
    """One row for each container of each workload that nobody owns, by digest where a pod tells it."""
    digests = {one.image: one.ref for pod in pods for one in shown(pod)}
    found = []
    for obj in objects:
        if obj["metadata"].get("ownerReferences") or not (spec := pod_spec(obj)):
            continue
        who = identity(obj)
        for item in containers(spec):
            image = str(item.get("image", ""))
            ref = by_digest(image) if pinned(image) else digests.get(image, image)
            found.append(Image(workload=f"{who.kind}/{who.name}", container=str(item.get("name", "")), ref=ref))
    return tuple(found)


# ---------------------------------------------------------------- volumes
def _volumes(cluster: ClusterApi, namespace: str, inside: Objects, directories: Mapping[str, Path]) -> Iterator[ClaimData]:
    for claim in (obj for obj in inside if obj["kind"] == "PersistentVolumeClaim"):
        name, volume = claim["metadata"]["name"], claim["spec"].get("volumeName")
        if name in directories or volume:
            place = directories.get(name) or _directory(cluster, str(volume))
            if place is None or not place.is_dir():
                raise RequestInvalid(
                    f"claim {namespace}/{name}",
                    f"its files are not in a directory of this machine ({place or 'no host path'})",
                    "run the backup on the node that has them, or say where they are mounted",
                )
            yield ClaimData(namespace=namespace, claim=name, directory=place)


def _directory(cluster: ClusterApi, volume: str) -> Path | None:
    try:
        spec = (cluster.get("v1", "PersistentVolume", None, volume) or {}).get("spec") or {}
    except RelightError as error:
        raise RequestInvalid(f"volume {volume}", f"cannot be read: {error}", "grant get on persistentvolumes") from None
    path = (spec.get("hostPath") or spec.get("local") or {}).get("path")
    return Path(path) if path else None
