"""Admission webhooks, as far as a restore can stumble over them: one that must be asked and that nobody answers refuses.

One with a ready pod behind its service, or with a URL, admits everything: the emulation asks nobody.
"""

from typing import Any

from relight.local.cluster.kinds import Resource
from relight.local.cluster.refusals import Refusal
from relight.local.cluster.selectors import selects
from relight.local.cluster.store import Store

Obj = dict[str, Any]
GROUP = "admissionregistration.k8s.io"
KINDS = (f"mutatingwebhookconfigurations.{GROUP}", f"validatingwebhookconfigurations.{GROUP}")


def ask(resource: Resource, obj: Obj, operation: str, subresource: str, store: Store) -> None:
    """Raises Refusal (500) where a webhook of the failure policy Fail cannot be reached. Their own kinds pass."""
    if resource.group == GROUP:
        return
    for hook in (hook for key in KINDS for one in store.objects(key) for hook in one.get("webhooks") or ()):
        if hook.get("failurePolicy") == "Ignore" or not _chosen(hook, resource, obj, store):
            continue
        rules = hook.get("rules") or ()
        if any(_covers(rule, resource, operation, subresource) for rule in rules) and (why := _unreachable(hook, store)):
            message = f'Internal error occurred: failed calling webhook "{hook["name"]}": {why}'
            raise Refusal(500, "InternalError", message)


def _covers(rule: Obj, resource: Resource, operation: str, subresource: str) -> bool:
    plural, sub = resource.plural, f"/{subresource}" if subresource else ""
    names = {plural + sub, f"*{sub}", f"{plural}/*", "*/*"} if sub else {plural, "*", f"{plural}/*", "*/*"}
    scope = rule.get("scope", "*")
    return (
        bool({operation, "*"} & set(rule.get("operations") or ()))
        and bool({resource.group, "*"} & set(rule.get("apiGroups") or ()))
        and bool({resource.version, "*"} & set(rule.get("apiVersions") or ()))
        and bool(names & set(rule.get("resources") or ()))
        and scope in ("*", "Namespaced" if resource.namespaced else "Cluster")
    )


def _chosen(hook: Obj, resource: Resource, obj: Obj, store: Store) -> bool:
    home = store.get("namespaces", "", obj["metadata"].get("namespace", "")) if resource.namespaced else None
    judged = obj if resource.key == "namespaces" else home
    in_scope = judged is None or selects(hook.get("namespaceSelector"), judged)
    return in_scope and selects(hook.get("objectSelector"), obj)


def _unreachable(hook: Obj, store: Store) -> str:
    """Why the webhook's service cannot be asked; empty where it can."""
    service = hook["clientConfig"].get("service")
    if service is None:
        return ""
    if not (why := nobody_behind(service, store)):
        return ""
    namespace, name = service["namespace"], service["name"]
    address = f"https://{name}.{namespace}.svc:{service.get('port', 443)}{service.get('path', '/')}"
    return f'Post "{address}?timeout={hook.get("timeoutSeconds", 10)}s": {why}'


def nobody_behind(service: Obj, store: Store) -> str:
    """Why a Service, named as webhooks and APIServices do, cannot be asked; empty where it can."""
    namespace, name = service["namespace"], service["name"]
    if store.get("services", namespace, name) is None:
        return f'service "{name}" not found'
    subsets = (store.get("endpoints", namespace, name) or {}).get("subsets") or ()
    return "" if any(subset.get("addresses") for subset in subsets) else f'no endpoints available for service "{name}"'
