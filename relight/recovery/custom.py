"""What objects refer to at cluster scope in words of their own: references whose kind the cluster's CRDs make exact."""

from collections.abc import Collection, Iterator
from typing import Any

from relight.recovery.cluster import Object, Objects
from relight.recovery.objects import group
from relight.recovery.references import REFERENCES, GroupKind

CLASS = "ClassName"
NO_FIELDS = ("metadata", "status", "data", "stringData", "binaryData")  # what stands there only looks like a reference
RBAC = "rbac.authorization.k8s.io"
NO_KINDS = frozenset({(RBAC, "User"), (RBAC, "Group")})  # subjects that are no objects


def cluster_kinds(definitions: Objects) -> frozenset[GroupKind]:
    """Group and kind of each kind that a CRD of cluster scope defines."""
    specs = [crd["spec"] for crd in definitions]
    return frozenset((spec["group"], spec["names"]["kind"]) for spec in specs if spec.get("scope") == "Cluster")


def named_by(obj: Object, kinds: frozenset[GroupKind], served: Collection[GroupKind]) -> Iterator[tuple[GroupKind, str]]:
    """Each (group and kind, name) of ``kinds``, and of the built-in classes, that the object's own fields name exactly:
    a reference with kind and name (``issuerRef``), or the name of a class (``gatewayClassName``). And what names a kind
    that is not among ``served``, those of the cluster: the app needs it, and nobody has it."""
    known = kinds | REFERENCES.keys()
    for found in _mappings({key: value for key, value in obj.items() if key not in NO_FIELDS}):
        for wanted, family, name in _spoken(found):
            if isinstance(name, str) and name and (kind := _resolved(wanted, family, group(obj), known, served)):
                yield kind, name


def _mappings(value: Any) -> Iterator[Object]:
    waiting = [value]
    while waiting:  # not by recursion: a custom resource may be as deep as it likes
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _spoken(found: Object) -> Iterator[tuple[str, str | None, Any]]:
    """(kind, its group where it is told, name)."""
    if isinstance(found.get("kind"), str):
        yield found["kind"], _family(found), found.get("name")
    for key, value in found.items():
        if isinstance(key, str) and key.endswith(CLASS) and key != CLASS:
            yield key[:1].upper() + key.removesuffix("Name")[1:], None, value


def _family(reference: Object) -> str | None:
    for key in ("apiGroup", "group"):
        if isinstance(reference.get(key), str):
            return str(reference[key])
    return group(reference) if isinstance(reference.get("apiVersion"), str) else None


def _resolved(
    kind: str, family: str | None, home: str, known: frozenset[GroupKind], served: Collection[GroupKind]
) -> GroupKind | None:
    """The one kind that is meant: of the group told, else of the object's own, else the only one of that name."""
    if family is not None:
        nobodys = "." in family and (family, kind) not in served and (family, kind) not in NO_KINDS
        return (family, kind) if (family, kind) in known or nobodys else None
    same = [one for one in known if one[1] == kind]
    return (home, kind) if (home, kind) in known else same[0] if len(same) == 1 else None
