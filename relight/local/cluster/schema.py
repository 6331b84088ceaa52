"""Schemas of kinds: Kubernetes' own OpenAPI (carried by kubernetes-validate) and those of CRDs, in one small form.

One tree walk serves validation, another (``relight.local.cluster.fields``) field ownership: both need the list-map keys.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from relight.local.cluster.forms import BREAKS, FORMS
from relight.local.cluster.refusals import Cause

KUBERNETES = "1.31"
MAP_TYPE = "x-kubernetes-map-type"
PROTOCOL = {"protocol": "TCP"}  # the one list-map key that a person may leave out


@dataclass(slots=True, eq=False)
class Schema:
    """``types`` empty means anything. ``keys``: the list-map keys; ``atomic``: owned and replaced as a whole.

    ``form``: what a text must be.
    """

    types: frozenset[str] = frozenset()
    properties: dict[str, "Schema"] = field(default_factory=dict)
    items: "Schema | None" = None
    values: "Schema | None" = None
    required: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    is_set: bool = False
    atomic: bool = False
    merge_key: str = ""
    preserve: bool = False
    form: str = ""
    rules: dict[str, Any] = field(default_factory=dict)

    def child(self, name: str) -> "Schema | None":
        return self.properties.get(name) or self.values

    def key_of(self, item: Any) -> dict[str, Any] | None:
        """The values of an item's list-map keys, or None where one is missing."""
        if not isinstance(item, dict):
            return None
        found = {key: item.get(key, PROTOCOL.get(key)) for key in self.keys}
        return found if all(value is not None for value in found.values()) else None


ANY = Schema(preserve=True)


class Compiler:
    """Turns JSON schemas into ``Schema``; a definition is compiled once, also where it refers to itself."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.done: dict[str, Schema] = {}

    def named(self, name: str) -> Schema:
        if name not in self.done:
            self.done[name] = Schema()
            self._fill(self.done[name], self.definitions[name])
            self.done[name].form = "quantity" if name.endswith(".Quantity") else self.done[name].form
        return self.done[name]

    def compile(self, raw: Any) -> Schema:
        if not isinstance(raw, dict):
            return ANY
        if "$ref" in raw:
            named, own = self.named(raw["$ref"].rpartition("/")[2]), raw.get(MAP_TYPE)
            return replace(named, atomic=own == "atomic") if own else named  # a PersistentVolume's claimRef: granular
        schema = Schema()
        self._fill(schema, raw)
        return schema

    def _fill(self, schema: Schema, raw: dict[str, Any]) -> None:
        schema.types = _types(raw)
        schema.properties = {name: self.compile(part) for name, part in raw.get("properties", {}).items()}
        schema.items = self.compile(raw["items"]) if "items" in raw else None
        values = raw.get("additionalProperties")
        schema.values = self.compile(values) if isinstance(values, dict) else ANY if values is True else None
        schema.required = tuple(raw.get("required", ()))
        schema.keys = tuple(raw.get("x-kubernetes-list-map-keys", ()))
        schema.is_set = raw.get("x-kubernetes-list-type") == "set"
        schema.merge_key = raw.get("x-kubernetes-patch-merge-key", "")
        plain_list = "array" in schema.types and not (schema.keys or schema.is_set)
        schema.atomic = plain_list or raw.get(MAP_TYPE) == "atomic"
        shapeless = not (schema.properties or schema.values or schema.items) and schema.types <= {"object"}
        schema.preserve = bool(raw.get("x-kubernetes-preserve-unknown-fields")) or shapeless
        schema.form = raw.get("format", "") if self.definitions else ""
        schema.rules = {rule: raw[rule] for rule in ("default", *BREAKS) if rule in raw}


def _types(raw: dict[str, Any]) -> frozenset[str]:
    if raw.get("x-kubernetes-int-or-string"):
        return frozenset({"integer", "string"})
    if "oneOf" in raw and "type" not in raw and "properties" not in raw:
        return frozenset(one for part in raw["oneOf"] for one in _types(part))
    given = raw.get("type", ())
    return frozenset([given] if isinstance(given, str) else given) - {"null"}


@cache
def builtin() -> tuple[Compiler, dict[tuple[str, str, str], str]]:
    """The compiler over Kubernetes' definitions, and the definition's name of each (group, version, kind)."""
    path = f"kubernetes-json-schema/v{KUBERNETES}.0-local-strict/_definitions.json"
    definitions = msgspec.json.decode(files("kubernetes_validate").joinpath(path).read_bytes())["$defs"]
    names = {
        (gvk["group"], gvk["version"], gvk["kind"]): name
        for name, definition in definitions.items()
        for gvk in definition.get("x-kubernetes-group-version-kind", ())
    }
    return Compiler(definitions), names


def of_kind(group: str, version: str, kind: str) -> Schema:
    """The schema of a built-in kind. Raises KeyError for one that Kubernetes does not have."""
    compiler, names = builtin()
    return compiler.named(names[group, version, kind])


def of_custom(raw: Any) -> Schema:
    """The schema of a CRD's version (its ``openAPIV3Schema``), with the metadata of every object added."""
    compiler, _ = builtin()
    schema = Compiler({}).compile(raw or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    schema.properties |= {
        "apiVersion": Schema(types=frozenset({"string"})),
        "kind": Schema(types=frozenset({"string"})),
        "metadata": compiler.named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"),
    }
    return schema


@dataclass(frozen=True, slots=True)
class Mistyped:
    """A value of a wrong type; ``str`` says so as decoding does, ``invalid`` as the validation of a CRD's schema does."""

    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.got} into field {self.path or '<root>'} of type {self.expected}"

    def invalid(self) -> str:
        return f'Invalid value: "{self.got}": {self.path} in body must be of type {self.expected}: "{self.got}"'


@dataclass(slots=True)
class Findings:
    """``unknown``: paths of undeclared fields. ``mistyped``: values of a wrong type.

    ``malformed``: texts that are not what they must be. ``causes``: all other faults.
    """

    unknown: list[str] = field(default_factory=list)
    mistyped: list[Mistyped] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)


NAMES = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (dict, "object"), (list, "array"))


def _type_of(value: Any) -> str:
    return next((name for kind, name in NAMES if isinstance(value, kind)), "null")


def check(value: Any, schema: Schema, path: str = "", found: Findings | None = None) -> Findings:
    """Every fault of ``value`` against ``schema``, each with its path (``spec.containers[0].image``)."""
    found = found or Findings()
    kind = _type_of(value)
    if schema.types and kind not in schema.types and not (kind == "integer" and "number" in schema.types):
        found.mistyped.append(Mistyped(path, "|".join(sorted(schema.types)), kind))
        return found
    if kind == "object":
        _check_object(value, schema, path, found)
    elif kind == "array" and schema.items:
        for index, item in enumerate(value):
            check(item, schema.items, f"{path}[{index}]", found)
    if schema.form in FORMS and (why := FORMS[schema.form](value)):
        found.malformed.append(why)
    if schema.rules:
        found.causes += _broken(value, schema.rules, path)
    return found


def _check_object(value: dict[str, Any], schema: Schema, path: str, found: Findings) -> None:
    for name in schema.required:
        if value.get(name) is None:
            found.causes.append(Cause(f"{path}.{name}".lstrip("."), "FieldValueRequired", "Required value"))
    for name, part in value.items():
        below = schema.child(name)
        if below is not None:
            check(part, below, f"{path}.{name}" if path else name, found)
        elif not schema.preserve:
            found.unknown.append(f"{path}.{name}" if path else name)


def _broken(value: Any, rules: dict[str, Any], path: str) -> list[Cause]:
    return [_cause(path, value, name, rule) for name, rule in rules.items() if name in BREAKS and BREAKS[name](value, rule)]


def _cause(path: str, value: Any, rule: str, limit: Any) -> Cause:
    shown = msgspec.json.encode(value).decode()
    if rule == "enum":
        supported = ", ".join(msgspec.json.encode(one).decode() for one in limit)
        return Cause(path, "FieldValueNotSupported", f"Unsupported value: {shown}: supported values: {supported}")
    return Cause(path, "FieldValueInvalid", f"Invalid value: {shown}: {path} in body breaks {rule} {limit}")


def pruned(value: Any, schema: Schema | None) -> Any:
    """A copy without nulls and without fields the schema does not declare."""
    if isinstance(value, dict):
        keep = schema is None or schema.preserve
        parts = {name: (part, schema.child(name) if schema else None) for name, part in value.items() if part is not None}
        return {name: pruned(part, below) for name, (part, below) in parts.items() if keep or below is not None}
    if isinstance(value, list):
        return [pruned(item, schema.items if schema else None) for item in value]
    return value


def defaulted(value: Any, schema: Schema) -> Any:
    """``value`` with the schema's own defaults (CRDs) filled in, in place."""
    if isinstance(value, dict):
        for name, below in schema.properties.items():
            if name not in value and "default" in below.rules:
                value[name] = below.rules["default"]
        for name, part in value.items():
            if (below_value := schema.child(name)) is not None:
                defaulted(part, below_value)
    elif isinstance(value, list) and schema.items:
        for item in value:
            defaulted(item, schema.items)
    return value
