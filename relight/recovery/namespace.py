"""Restoring into another namespace: every exact mention of the app's own follows it."""

from collections.abc import Iterator
from typing import Any

from relight.recovery.cluster import Object, Objects
from relight.recovery.context import TransformContext
from relight.recovery.objects import containers, pod_spec

NAME_LABEL = "kubernetes.io/metadata.name"
# Where a subject of RBAC carries the namespace in its name.
SUBJECTS = {"User": "system:serviceaccount:{}:", "Group": "system:serviceaccounts:{}"}


def map_namespace(obj: Object, context: TransformContext) -> str | None:
    """Objects without a namespace belong to the app's; every mention of the app's namespace follows it."""
    placed = _place(obj, context)
    if context.source == context.target:
        return None
    mentioned = [_mentions(obj, context), _subjects(obj, context), _selectors(obj, context), _addresses(obj, context)]
    return f"namespace {context.source} to {context.target}" if placed or any(mentioned) else None


def _place(obj: Object, context: TransformContext) -> bool:
    if obj["kind"] == "Namespace":
        obj["metadata"]["name"] = context.target
    elif context.cluster_scoped(obj):
        return False
    else:
        obj["metadata"]["namespace"] = context.target
    return True


def _mentions(obj: Object, context: TransformContext) -> bool:
    """References that name the namespace in a field of its own."""
    found = [one for one in _references(obj) if one.get("namespace") == context.source]
    for one in found:
        one["namespace"] = context.target
    return bool(found)


def _references(obj: Object) -> Objects:
    spec = obj.get("spec") or {}
    configs = [hook.get("clientConfig") for hook in obj.get("webhooks") or []]
    configs.append(((spec.get("conversion") or {}).get("webhook") or {}).get("clientConfig"))
    services = [(config or {}).get("service") for config in configs]
    return [one for one in (*(obj.get("subjects") or []), *services, spec.get("service")) if isinstance(one, dict)]


def _subjects(obj: Object, context: TransformContext) -> bool:
    changed = False
    for subject in obj.get("subjects") or []:
        form = SUBJECTS.get(subject.get("kind", ""), "{}")
        was, becomes = form.format(context.source), form.format(context.target)
        name = str(subject.get("name", ""))
        exact = name.startswith(was) if form.endswith(":") else name == was
        if subject.get("kind") in SUBJECTS and exact:
            subject["name"], changed = becomes + name.removeprefix(was), True
    return changed


def _selectors(obj: Object, context: TransformContext) -> bool:
    """Selectors of namespaces by the label that every namespace has: its name."""
    changed = False
    for selector in _under(obj, "namespaceSelector"):
        labels = selector.get("matchLabels") or {}
        if labels.get(NAME_LABEL) == context.source:
            labels[NAME_LABEL], changed = context.target, True
        for rule in selector.get("matchExpressions") or []:
            if rule.get("key") == NAME_LABEL and context.source in (rule.get("values") or []):
                rule["values"] = [context.target if value == context.source else value for value in rule["values"]]
                changed = True
    return changed


def _under(value: Any, key: str) -> Iterator[Object]:
    """Every object below ``value`` that is at ``key``."""
    if isinstance(value, dict):
        if isinstance(value.get(key), dict):
            yield value[key]
        for child in value.values():
            yield from _under(child, key)
    elif isinstance(value, list):
        for child in value:
            yield from _under(child, key)


def _addresses(obj: Object, context: TransformContext) -> bool:
    """DNS names of the backup's own Services in the environment of containers; what only looks like one is left alone."""
    pattern, changed = context.service_names, False
    for entry in (entry for item in containers(pod_spec(obj) or {}) for entry in item.get("env") or []):
        value = entry.get("value")
        if pattern is not None and isinstance(value, str):
            entry["value"] = pattern.sub(rf"\g<service>.{context.target}\g<rest>", value)
            changed |= entry["value"] != value
    return changed
