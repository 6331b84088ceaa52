"""Where the Kubernetes API keeps each kind of object."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Resource:
    """What the API says about a kind. ``path`` is its group's and version's part of every address."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...]

    @property
    def path(self) -> str:
        return ("/apis/" if "/" in self.api_version else "/api/") + self.api_version

    def address(self, namespace: str | None, name: str | None = None, sub: str | None = None) -> str:
        scope = ("namespaces", namespace) if self.namespaced and namespace else ()
        return "/".join((self.path, *(quote(part, safe=":") for part in (*scope, self.plural, name, sub) if part)))


# Computed when asked for, and kept nowhere: nothing of them is ever backed up, so what serves them may be dead.
VIEWS = frozenset({"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"})
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


def versions(groups: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Of every group but VIEWS, the preferred one first: a kind may be in another alone."""
    for group in (one for one in groups if one["name"] not in VIEWS):
        preferred = group["preferredVersion"]["groupVersion"]
        others = (one["groupVersion"] for one in group.get("versions") or [])
        yield from (preferred, *(one for one in others if one != preferred))


def answered_by_a_service(api_services: Iterable[dict[str, Any]]) -> set[str]:
    """The API versions that a Service answers for; for all others the API server does itself."""
    specs = (one["spec"] for one in api_services)
    return {f"{spec['group']}/{spec['version']}" for spec in specs if spec.get("service")}


def listable(resources: Iterable[Resource]) -> list[Resource]:
    """Each kind of each group once, as it is met first."""
    found: dict[tuple[str, str], Resource] = {}
    for one in resources:
        if "list" in one.verbs:
            found.setdefault((one.api_version.rpartition("/")[0], one.kind), one)
    return list(found.values())
