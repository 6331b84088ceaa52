"""What a backup of an app asks its cluster for, as RBAC rules: made from the very tables that the backup goes by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from relight.config import App
from relight.recovery.cluster import ClusterApi, Kind, Object, Objects
from relight.recovery.collect import CRD, SEARCHED
from relight.recovery.custom import cluster_kinds
from relight.recovery.inside import kinds_inside
from relight.recovery.quiesce import STOPS
from relight.recovery.references import REFERRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """``name``: of the only object that it is about; empty: of any."""

    verb: str
    group: str
    resource: str
    name: str = ""


# What hooks need beside reading: their Jobs, and their last words.
HOOKS = (
    *(Right(verb=verb, group="batch", resource="jobs") for verb in ("create", "get", "delete")),
    Right(verb="get", group="", resource="pods/log"),
)


def within(app: App, cluster: ClusterApi) -> list[Right]:
    """In the app's namespace: everything of it is listed, Secrets too, since everything of it is backed up."""
    listed = [Right(verb="list", group=_group(kind), resource=kind.plural) for kind in kinds_inside(cluster)]
    home = Right(verb="get", group="", resource="namespaces", name=app.namespace)
    pods = Right(verb="list", group="", resource="pods")
    hooks = HOOKS if any(hook.when != "after_restore" for hook in app.hooks) else ()
    return [home, pods, *listed, *hooks, *(_patches(cluster) if app.quiesce else ())]


def beyond(cluster: ClusterApi) -> list[Right]:
    """At cluster scope: what may belong to the app is looked through, what it may name is read, custom kinds included."""
    served = {(_group(kind), kind.kind): kind for kind in cluster.resources()}
    definitions = cluster.list(served[CRD].api_version, CRD[1]) if CRD in served else []
    named = sorted(cluster_kinds(definitions) | REFERRED)
    return [
        Right(verb="get", group="", resource="nodes"),  # whose platforms its images ran on
        *(Right(verb="list", group=key[0], resource=served[key].plural) for key in SEARCHED if key in served),
        *(Right(verb="get", group=key[0], resource=served[key].plural) for key in named if key in served),
    ]


def rules(rights: Iterable[Right]) -> Objects:
    """As RBAC writes them: one rule for each group, verb and name, in a fixed order."""
    ordered = sorted(set(rights), key=lambda right: (*_together(right), right.resource))
    return [_rule(*together, [right.resource for right in some]) for together, some in groupby(ordered, _together)]


def _together(right: Right) -> tuple[str, str, str]:
    return right.group, right.verb, right.name


def _rule(group: str, verb: str, name: str, resources: list[str]) -> Object:
    only = {"resourceNames": [name]} if name else {}
    return {"apiGroups": [group], "resources": resources, **only, "verbs": [verb]}


def _patches(cluster: ClusterApi) -> Iterator[Right]:
    """What quiesce stops and starts again."""
    served = {(kind.api_version, kind.kind): kind for kind in cluster.resources()}
    for version, name, _, _ in STOPS:
        if kind := served.get((version, name)):
            yield Right(verb="patch", group=_group(kind), resource=kind.plural)


def _group(kind: Kind) -> str:
    return kind.api_version.rpartition("/")[0]
