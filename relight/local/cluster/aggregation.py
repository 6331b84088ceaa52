"""APIs that a Service answers for: an APIService says which. Where nobody is behind it, each request for them fails.

One with a ready pod serves no kind at all: the emulation asks nobody.
"""

from typing import Any

from relight.local.cluster.kinds import Kinds
from relight.local.cluster.refusals import Refusal
from relight.local.cluster.store import Store
from relight.local.cluster.webhooks import nobody_behind

KEY = "apiservices.apiregistration.k8s.io"
Delegated = dict[tuple[str, str], str]


def delegated(store: Store, kinds: Kinds) -> Delegated:
    """(group, version) of each, and why its Service cannot be asked; empty where it can."""
    own = {(one.group, one.version) for one in kinds}
    specs = [one.get("spec") or {} for one in store.objects(KEY)]
    found = {(spec["group"], spec["version"]): spec["service"] for spec in specs if spec.get("service")}
    return {at: nobody_behind(service, store) for at, service in found.items() if at not in own}


def ask(found: Delegated, path: str) -> dict[str, Any] | None:
    """What stands at a path of such an API, or None where it is none. Raises Refusal (503)."""
    at = tuple(path.split("/")[1:3])
    if not path.startswith("apis/") or at not in found:
        return None
    if found[at]:
        raise Refusal(503, "ServiceUnavailable", "service unavailable")
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "/".join(at), "resources": []}
