"""Where the Kubernetes API keeps each kind of object."""

from dataclasses import dataclass
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
