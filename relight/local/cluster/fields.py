"""Who owns which field: the sets behind ``metadata.managedFields``, server-side apply's merge, and its conflicts.

A path is a tuple of FieldsV1 steps: ``f:name`` for a field, ``k:{"name":"web"}`` for a list-map's item, ``v:"x"`` for a
set's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from relight.local.cluster.refusals import Cause, field_conflict
from relight.local.cluster.schema import ANY, Schema
from relight.local.cluster.store import copy

Obj = dict[str, Any]
Path = tuple[str, ...]
Paths = frozenset[Path]
ITEM = "."  # the value, among leaves, of a list-map item as such
SYSTEM = "name namespace uid resourceVersion generation creationTimestamp deletionTimestamp managedFields selfLink"
UNOWNED = {("f:apiVersion",), ("f:kind",), *(("f:metadata", f"f:{name}") for name in SYSTEM.split())}


def text_of(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _leaves(value: Any, schema: Schema, at: Path) -> Iterator[tuple[Path, Any]]:
    if not value or schema.atomic or not isinstance(value, dict | list):
        yield at, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, schema.child(name) or ANY, (*at, f"f:{name}"))
    elif schema.keys and schema.items:
        for item in value:
            step = (*at, f"k:{text_of(schema.key_of(item))}")
            yield step, ITEM
            yield from _leaves(item, schema.items, step)
    elif schema.is_set:
        yield from (((*at, f"v:{text_of(item)}"), item) for item in value)
    else:
        yield at, value


def leaves(obj: Obj, schema: Schema, subresource: str = "") -> dict[Path, Any]:
    """The fields a manager of ``obj`` owns, each with its value: what the system sets is left out."""
    keep_status = subresource == "status" or "status" not in schema.properties
    return {
        path: value
        for path, value in _leaves(obj, schema, ())
        if path[:2] not in UNOWNED
        and path not in UNOWNED
        and path != ("f:metadata",)
        and (keep_status or path[0] != "f:status")
    }


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str
    time: str
    paths: Paths = frozenset()

    @property
    def identity(self) -> tuple[str, str, str, str]:
        return self.name, self.operation, self.api_version, self.subresource

    def __str__(self) -> str:
        said = f'"{self.name}"' + (f' with subresource "{self.subresource}"' if self.subresource else "")
        return f"{said} using {self.api_version} at {self.time}" if self.operation == "Update" else said


def managers(obj: Obj | None) -> list[Manager]:
    """The entries of an object's managedFields."""
    entries = (obj or {}).get("metadata", {}).get("managedFields") or ()
    return [
        Manager(
            name=entry["manager"],
            operation=entry["operation"],
            api_version=entry["apiVersion"],
            subresource=entry.get("subresource", ""),
            time=entry.get("time", ""),
            paths=frozenset(_decoded(entry["fieldsV1"], ())),
        )
        for entry in entries
    ]


def _decoded(node: Obj, at: Path) -> Iterator[Path]:
    for step, below in node.items():
        if step == ITEM:
            yield at
        elif below:
            yield from _decoded(below, (*at, step))
        else:
            yield (*at, step)


def entries(owners: Iterable[Manager]) -> list[Obj]:
    """managedFields as the API shows it; a manager that owns nothing any more is left out."""
    return [_entry(owner) for owner in owners if owner.paths]


def _entry(owner: Manager) -> Obj:
    root: Obj = {}
    for path in sorted(owner.paths):
        node = root
        for step in path:
            node = node.setdefault(step, {})
        node[ITEM] = {}
    shown: Obj = {"manager": owner.name, "operation": owner.operation, "apiVersion": owner.api_version, "time": owner.time}
    shown |= {"fieldsType": "FieldsV1", "fieldsV1": _bare(root)}
    return shown | ({"subresource": owner.subresource} if owner.subresource else {})


def _bare(node: Obj) -> Obj:
    return {} if set(node) == {ITEM} else {step: _bare(below) if step != ITEM else {} for step, below in node.items()}


def after_update(live: Obj | None, new: Obj, schema: Schema, who: Manager) -> list[Manager]:
    """The managers once ``who`` wrote ``new`` over ``live``: who changes a field owns it, alone."""
    was = leaves(live, schema, who.subresource) if live else {}
    now = leaves(new, schema, who.subresource)
    changed = frozenset(path for path, value in now.items() if path not in was or was[path] != value)
    alive = frozenset(leaves(new, schema, "status"))
    found = managers(live)
    mine = next((one.paths for one in found if one.identity == who.identity), frozenset[Path]())
    others = [replace(one, paths=(one.paths & alive) - changed) for one in found if one.identity != who.identity]
    return [*others, replace(who, paths=(mine & alive) | changed)]


def apply(live: Obj | None, config: Obj, schema: Schema, who: Manager, force: bool) -> tuple[Obj, list[Manager]]:
    """``config`` merged into ``live`` as ``who``'s whole intent, and the managers after it.

    Fields that ``who`` applied before and leaves out now are removed, unless somebody else owns them too.
    Raises Refusal (409) where another manager owns a field that would change and ``force`` is not given.
    """
    was = leaves(live, schema, "status") if live else {}
    mine = leaves(config, schema, who.subresource)
    found = managers(live)
    before = next((one.paths for one in found if one.identity == who.identity), frozenset[Path]())
    others = [one for one in found if one.identity != who.identity]
    changed = frozenset(path for path, value in mine.items() if path not in was or was[path] != value)
    if not force:
        _refuse_conflicts(others, changed)
    others = [replace(one, paths=one.paths - changed) for one in others]
    merged = merge(copy(live), config, schema) if live else copy(config)  # stored objects are never changed in place
    owned = frozenset(mine).union(*(one.paths for one in others))
    for path in sorted(before - owned, key=len):
        _drop(merged, path, owned)
    return merged, [*others, replace(who, paths=frozenset(mine))]


def _refuse_conflicts(others: list[Manager], changed: Paths) -> None:
    clashes = [(str(one), shown(path)) for one in others for path in sorted(one.paths & changed)]
    if not clashes:
        return
    causes = [Cause(path, "FieldManagerConflict", f"conflict with {who}") for who, path in clashes]
    if len(clashes) == 1:
        raise field_conflict(f"Apply failed with 1 conflict: conflict with {clashes[0][0]}: {clashes[0][1]}", causes)
    by_owner = {who: [path for one, path in clashes if one == who] for who, _ in clashes}
    said = "\n".join(
        f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in paths) for who, paths in by_owner.items()
    )
    raise field_conflict(f"Apply failed with {len(clashes)} conflicts: {said}", causes)


def shown(path: Path) -> str:
    """A path as conflict messages write it: ``.spec.containers[name="web"].image``."""
    said = ""
    for step in path:
        kind, _, name = step.partition(":")
        if kind == "k":
            said += "[" + ",".join(f"{key}={text_of(value)}" for key, value in msgspec.json.decode(name).items()) + "]"
        else:
            said += f".{name}" if kind == "f" else f"[={name}]"
    return said


def merge(live: Any, config: Any, schema: Schema) -> Any:
    """``config`` over ``live``: maps and list-maps are merged, sets united, everything else replaced."""
    if schema.atomic or type(live) is not type(config):
        return copy(config)
    if isinstance(config, dict):
        merged = dict(live)
        for name, part in config.items():
            merged[name] = merge(live[name], part, schema.child(name) or ANY) if name in live else copy(part)
        return merged
    if isinstance(config, list) and schema.keys and schema.items:
        return _merge_items(live, config, schema, schema.items)
    if isinstance(config, list) and schema.is_set:
        return live + [item for item in config if item not in live]
    return copy(config)


def _merge_items(live: list[Any], config: list[Any], schema: Schema, item_schema: Schema) -> list[Any]:
    by_key = {text_of(schema.key_of(item)): item for item in live}
    wanted = {text_of(schema.key_of(item)): item for item in config}
    merged = [merge(by_key[key], item, item_schema) if key in by_key else copy(item) for key, item in wanted.items()]
    return merged + [item for key, item in by_key.items() if key not in wanted]


def _drop(obj: Any, path: Path, owned: Paths) -> None:
    """Removes what ``path`` names from ``obj`` (in place), with the parents it leaves empty and nobody owns."""
    above, step = _find(obj, path[:-1]), path[-1]
    if above is None or _key_field(path) or any(other[: len(path)] == path for other in owned):
        return
    if isinstance(above, dict):
        above.pop(step[2:], None)
    else:
        above[:] = [item for item in above if not _is(item, step)]
    if not above and len(path) > 2 and path[:-1] not in owned:
        _drop(obj, path[:-1], owned)


def _key_field(path: Path) -> bool:
    """Whether the path is a list-map item's own key, without which the item would lose its name."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in msgspec.json.decode(path[-2][2:])


def _find(obj: Any, path: Path) -> Any:
    for step in path:
        if step.startswith("f:"):
            obj = obj.get(step[2:]) if isinstance(obj, dict) else None
        else:
            obj = next((item for item in obj or () if _is(item, step)), None)
    return obj


def _is(item: Any, step: str) -> bool:
    wanted = msgspec.json.decode(step[2:])
    if step.startswith("v:"):
        return bool(item == wanted)
    return all(item.get(key, "TCP" if key == "protocol" else None) == value for key, value in wanted.items())
