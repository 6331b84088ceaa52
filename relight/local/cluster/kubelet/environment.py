"""A container's environment variables, from its manifest and the objects it names."""

import re
from base64 import b64decode
from math import ceil
from pathlib import Path
from typing import Any

from relight.local.cluster.quantity import quantity
from relight.local.cluster.store import Store

Obj = dict[str, Any]
ROOT = Path(__file__).parents[4]
REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


class NotThere(Exception):
    """A ConfigMap, Secret or claim that a container needs is not there (yet); the pod waits for it."""


def content(store: Store, kind: str, namespace: str, name: str, optional: bool) -> dict[str, bytes]:
    """The files of a ConfigMap or Secret. Raises NotThere, unless it is optional."""
    obj = store.get(kind, namespace, name)
    if obj is None:
        if optional:
            return {}
        raise NotThere(f'{kind.rstrip("s")} "{name}" not found')
    plain = {key: text.encode() for key, text in (obj.get("data") or {}).items()} if kind == "configmaps" else {}
    encoded = obj.get("binaryData") if kind == "configmaps" else obj.get("data")
    return plain | {key: b64decode(text) for key, text in (encoded or {}).items()}


def expanded(text: str, env: dict[str, str]) -> str:
    """``$(NAME)`` replaced by the variable where there is one; ``$$`` is a dollar."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else env.get(found[1], found[0])

    return REFERENCE.sub(value, text)


def field_value(pod: Obj, path: str) -> str:
    """What the downward API gives for a ``fieldPath``."""
    if found := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str((pod["metadata"].get(found[1]) or {}).get(found[2], ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def variables(store: Store, pod: Obj, container: Obj, base: dict[str, str]) -> dict[str, str]:
    """All variables of the container. Raises NotThere for an object or key that is missing and not optional."""
    namespace, env = pod["metadata"]["namespace"], dict(base)
    for source in container.get("envFrom") or ():
        for kind, reference in (("configmaps", source.get("configMapRef")), ("secrets", source.get("secretRef"))):
            if reference:
                found = content(store, kind, namespace, reference["name"], reference.get("optional", False))
                env |= {source.get("prefix", "") + key: value.decode() for key, value in found.items()}
    for entry in container.get("env") or ():
        value = (
            expanded(entry["value"], env) if "value" in entry else _from(store, pod, container, entry.get("valueFrom") or {})
        )
        if value is not None:
            env[entry["name"]] = value
    return env


def _from(store: Store, pod: Obj, container: Obj, source: Obj) -> str | None:
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return _resource(container, source["resourceFieldRef"])
    for kind, name in (("configmaps", "configMapKeyRef"), ("secrets", "secretKeyRef")):
        if name in source:
            wanted, namespace = source[name], pod["metadata"]["namespace"]
            found = content(store, kind, namespace, wanted["name"], wanted.get("optional", False))
            if wanted["key"] in found:
                return found[wanted["key"]].decode()
            if not wanted.get("optional"):
                raise NotThere(f"couldn't find key {wanted['key']} in {kind[:-1]} {namespace}/{wanted['name']}")
    return None if source else ""


def _resource(container: Obj, wanted: Obj) -> str:
    kind, _, name = wanted["resource"].partition(".")
    given = (container.get("resources") or {}).get(kind, {}).get(name, 0)
    return str(ceil(quantity(given) / quantity(wanted.get("divisor") or 1)))


def base(pod: Obj, python: Path, inherited: dict[str, str], api: tuple[str, int]) -> dict[str, str]:
    """What every container has: python is the cluster's own, with Relight in it; ``AWS_*`` is as of a node's metadata."""
    path = f"{python.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    aws = {name: value for name, value in inherited.items() if name.startswith("AWS_")}
    cluster = {"KUBERNETES_SERVICE_HOST": api[0], "KUBERNETES_SERVICE_PORT": str(api[1]), "PYTHONPATH": str(ROOT)}
    host = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return aws | cluster | {"PATH": path, "HOME": "/tmp", "HOSTNAME": host}  # noqa: S108
