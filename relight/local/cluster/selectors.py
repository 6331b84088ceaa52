"""Label and field selectors: the query's text form and the object form of a spec, both as a predicate on an object."""

import re
from collections.abc import Callable
from typing import Any

from relight.local.cluster.refusals import bad_request

Obj = dict[str, Any]
Predicate = Callable[[Obj], bool]

EVERYWHERE = ["metadata.name", "metadata.namespace"]
SELECTABLE = {  # the fields a server indexes, by resource key
    "events": "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid involvedObject.apiVersion"
    " involvedObject.resourceVersion involvedObject.fieldPath reason reportingComponent source type",
    "jobs.batch": "status.successful",
    "namespaces": "status.phase",
    "nodes": "spec.unschedulable",
    "pods": "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName spec.hostNetwork status.phase"
    " status.podIP status.podIPs status.nominatedNodeName",
    "replicasets.apps": "status.replicas",
    "replicationcontrollers": "status.replicas",
    "secrets": "type",
}
TERM = re.compile(r"^\s*(?:(?P<absent>!)\s*)?(?P<key>[\w./-]+)\s*(?:(?P<op>==|!=|=|\bin\b|\bnotin\b)\s*(?P<value>.*?))?\s*$")
MATCHES: dict[str, Callable[[str | None, list[str]], bool]] = {
    "In": lambda given, values: given in values,
    "NotIn": lambda given, values: given not in values,
    "Exists": lambda given, _: given is not None,
    "DoesNotExist": lambda given, _: given is None,
}
OPERATORS = {"=": "In", "==": "In", "in": "In", "!=": "NotIn", "notin": "NotIn"}
Requirement = tuple[str, str, list[str]]


def labels_match(requirements: list[Requirement], labels: dict[str, str]) -> bool:
    return all(MATCHES[op](labels.get(key), values) for key, op, values in requirements)


def parse_labels(text: str) -> list[Requirement]:
    """``a=b,c!=d,e in (f,g),!h,i`` as requirements. Raises Refusal (400) where it cannot be parsed."""
    return [_term(part, text) for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _term(part: str, text: str) -> Requirement:
    found = TERM.match(part)
    if found is None:
        raise bad_request(f'unable to parse requirement: found "{part.strip()}" in selector "{text}"')
    key, op, value = found["key"], found["op"], (found["value"] or "").strip()
    if op is None:
        return key, "DoesNotExist" if found["absent"] else "Exists", []
    return key, OPERATORS[op], [one.strip() for one in value.strip("()").split(",")]


def requirements_of(selector: Obj | None) -> list[Requirement]:
    """A spec's LabelSelector as requirements; none (an empty selector) matches everything."""
    selector = selector or {}
    exact: list[Requirement] = [(key, "In", [value]) for key, value in (selector.get("matchLabels") or {}).items()]
    rest = selector.get("matchExpressions") or ()
    return exact + [(one["key"], one["operator"], one.get("values") or []) for one in rest]


def selects(selector: Obj | None, obj: Obj) -> bool:
    return labels_match(requirements_of(selector), obj["metadata"].get("labels") or {})


def fields(text: str, key: str) -> Predicate:
    """``metadata.name=a,status.phase!=Running`` as a predicate on the objects of ``key``. Raises Refusal (400)."""
    terms = [_field(part) for part in text.split(",") if part]
    known = EVERYWHERE + SELECTABLE.get(key, "").split()
    for path, _, _ in terms:
        if ".".join(path) not in known:
            raise bad_request(f"field label not supported: {'.'.join(path)}; the known ones are {', '.join(known)}")
    return lambda obj: all((_at(obj, path) == value) is wanted for path, value, wanted in terms)


def _field(part: str) -> tuple[list[str], str, bool]:
    name, op, value = re.match(r"([^!=]*)(!=|==?|)(.*)", part).groups()  # type: ignore[union-attr]  # matches any text
    if not op:
        raise bad_request(f"invalid field selector {part!r}: expected key=value")
    return name.strip().split("."), value.strip(), op != "!="


def _at(obj: Any, path: list[str]) -> str:
    for part in path:
        obj = obj.get(part) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)


def predicate(label_text: str, field_text: str, key: str) -> Predicate:
    """The predicate of a list's or watch's ``labelSelector`` and ``fieldSelector``, on the objects of ``key``."""
    wanted, by_field = parse_labels(label_text), fields(field_text, key)
    return lambda obj: labels_match(wanted, obj["metadata"].get("labels") or {}) and by_field(obj)
