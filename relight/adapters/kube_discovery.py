"""Which kinds a cluster serves, found out as they are asked for."""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from relight.adapters.kube_address import API_SERVICES, Resource, answered_by_a_service, listable, versions
from relight.errors import ClusterNotReady, RelightError, ServiceUnavailable

REDISCOVER_SECONDS = 0.25
NEVER: tuple[float, dict[str, Resource]] = (float("-inf"), {})


class Get(Protocol):
    """A GET's answer; None for a 404 where that is an answer."""

    def __call__(self, address: str, *, missing_ok: bool = ...) -> dict[str, Any] | None: ...


class Discovery:
    """Safe for threads. Every method but ``delegated`` raises what ``get`` does.

    ``silent``: API versions that ``resources`` got no answer for, and what came instead; they are not asked again.
    """

    def __init__(self, get: Get) -> None:
        self._get = get
        self._known: dict[str, tuple[float, dict[str, Resource]]] = {}
        self._discovering = threading.Lock()
        self.silent: dict[str, str] = {}

    def resources(self) -> Sequence[Resource]:
        """Every kind that can be listed, each in the version its group prefers, else in the best that has it.

        Without those of an API that a Service answers for and that does not answer: see ``silent``.
        """
        named = ["v1", *versions((self._get("/apis") or {}).get("groups", []))]
        return listable(known for version in named for known in self._answering(version))

    def delegated(self, api_version: str) -> bool:
        """Whether a Service answers for it in the API server's place. False where that cannot be known."""
        try:
            return api_version in answered_by_a_service((self._get(API_SERVICES) or {}).get("items") or [])
        except RelightError:
            return False

    def resource(self, api_version: str, kind: str) -> Resource:
        """How to address a kind. Raises ClusterNotReady when the API does not serve it (a new CRD takes a moment)."""
        asked, kinds = self._known.get(api_version, NEVER)
        if kind not in kinds:
            with self._discovering:  # one thread asks for all that wait
                asked, kinds = self._known.get(api_version, NEVER)
                stale = kind not in kinds and time.monotonic() - asked > REDISCOVER_SECONDS
                kinds = self._discover(api_version) if stale else kinds
        if kind not in kinds:
            raise ClusterNotReady(f"the cluster does not serve {api_version} {kind}; restore its CRD first, or try again")
        return kinds[kind]

    def _answering(self, api_version: str) -> Iterable[Resource]:
        if api_version in self.silent:
            return ()
        try:
            return self._discover(api_version).values()
        except ServiceUnavailable as error:
            if not self.delegated(api_version):
                raise
            self.silent[api_version] = str(error)
            return ()

    def _discover(self, api_version: str) -> dict[str, Resource]:
        address = ("/apis/" if "/" in api_version else "/api/") + api_version
        listed = (self._get(address, missing_ok=True) or {}).get("resources", [])
        kinds = {
            item["kind"]: Resource(api_version, item["kind"], item["name"], item["namespaced"], tuple(item["verbs"]))
            for item in listed
            if "/" not in item["name"]
        }
        self._known[api_version] = (time.monotonic(), kinds)
        return kinds
