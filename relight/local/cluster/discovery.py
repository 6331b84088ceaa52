"""What the cluster says it is and serves: version, groups, resources, and the little OpenAPI that kubectl asks for."""

from collections.abc import Callable, Iterable
from typing import Any

from relight.local.cluster.kinds import Kinds, Resource
from relight.local.cluster.refusals import no_such_path
from relight.local.cluster.schema import KUBERNETES

Obj = dict[str, Any]
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
MAJOR, MINOR = KUBERNETES.split(".")
WORKLOADS = {"deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch"}
ALL = {"pods", "services"} | WORKLOADS  # what `kubectl get all` shows
VERSION = {
    "major": MAJOR,
    "minor": MINOR,
    "gitVersion": f"v{KUBERNETES}.0+emulated",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none (emulated by Relight)",
    "compiler": "none",
    "platform": "emulated",
}


def _groups(kinds: Kinds, delegated: Iterable[tuple[str, str]] = ()) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for group, version in (*((one.group, one.version) for one in kinds), *delegated):
        versions = found.setdefault(group, [])
        if version not in versions:
            versions.append(version)
    return found


def _group(name: str, versions: list[str]) -> Obj:
    shown = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": shown, "preferredVersion": shown[-1]}


def _resources(kinds: Kinds, group: str, version: str) -> Obj:
    rows = [resource for resource in kinds if (resource.group, resource.version) == (group, version)]
    if not rows:
        raise no_such_path()
    listed = [entry for row in rows for entry in (_resource(row), *(_subresource(row, name) for name in row.subresources))]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _resource(row: Resource) -> Obj:
    shown: Obj = {
        "name": row.plural,
        "singularName": row.singular,
        "namespaced": row.namespaced,
        "kind": row.kind,
        "verbs": VERBS,
    }
    shown |= {"categories": ["all"]} if row.key in ALL else {}
    return shown | ({"shortNames": list(row.short)} if row.short else {})


def _subresource(row: Resource, name: str) -> Obj:
    kind = {"group": "autoscaling", "version": "v1", "kind": "Scale"} if name == "scale" else {"kind": row.kind}
    verbs = ["get"] if name in ("log", "proxy") else ["get", "patch", "update"]
    return {"name": f"{row.plural}/{name}", "singularName": "", "namespaced": row.namespaced, "verbs": verbs} | kind


def _openapi(kinds: Kinds, group: str, version: str) -> Obj:
    """Enough of OpenAPI v3 for kubectl to see that the server itself validates fields and rehearses writes."""
    options = [
        {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldValidation", "fieldManager")
    ]
    base = f"/apis/{group}/{version}" if group else f"/api/{version}"
    paths = {}
    for row in kinds:
        if (row.group, row.version) == (group, version):
            where = (
                f"{base}/namespaces/{{namespace}}/{row.plural}/{{name}}"
                if row.namespaced
                else f"{base}/{row.plural}/{{name}}"
            )
            gvk = {"group": row.group, "version": row.version, "kind": row.kind}
            paths[where] = {"patch": {"parameters": options, "x-kubernetes-group-version-kind": gvk, "responses": {}}}
    info = {"title": "Kubernetes (emulated by Relight)", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}


def _openapi_index(kinds: Kinds) -> Obj:
    served = [
        (f"apis/{group}" if group else "api", version) for group, versions in _groups(kinds).items() for version in versions
    ]
    return {"paths": {f"{at}/{version}": {"serverRelativeURL": f"/openapi/v3/{at}/{version}"} for at, version in served}}


FIXED: dict[str, Callable[[Kinds], Obj]] = {
    "version": lambda _: VERSION,
    "api": lambda _: {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "openapi/v3": _openapi_index,
}


def describe(kinds: Kinds, path: str, delegated: Iterable[tuple[str, str]]) -> Obj:
    """The document at a discovery path. ``delegated``: (group, version) of what others serve. Raises Refusal (404)."""
    if path in FIXED:
        return FIXED[path](kinds)
    match path.split("/"):
        case ["apis"]:
            groups = [_group(name, versions) for name, versions in _groups(kinds, delegated).items() if name]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["api", version]:
            return _resources(kinds, "", version)
        case ["apis", group, version]:
            return _resources(kinds, group, version)
        case ["apis", group] if group in _groups(kinds):
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, _groups(kinds)[group])
        case ["openapi", "v3", "api", version]:
            return _openapi(kinds, "", version)
        case ["openapi", "v3", "apis", group, version]:
            return _openapi(kinds, group, version)
    raise no_such_path()
