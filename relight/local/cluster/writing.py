"""The parts of a write that need nothing but the objects: which half may change, what counts as intent, who owns it."""

from typing import Any

from relight.local.cluster import fields, refusals
from relight.local.cluster.kinds import Resource
from relight.local.cluster.options import Options
from relight.local.cluster.schema import ANY, Schema
from relight.local.cluster.store import copy

Obj = dict[str, Any]


def separated(resource: Resource, live: Obj | None, new: Obj, options: Options) -> Obj:
    """Spec and status are written through different doors, where the kind has both."""
    if "status" not in resource.subresources or not options.manager:
        return new
    if options.subresource == "status" and live is not None:
        return dict(copy(live)) | ({"status": new["status"]} if "status" in new else {})
    new = {name: part for name, part in new.items() if name != "status"}
    return new | ({"status": copy(live["status"])} if live is not None and "status" in live else {})


def intent(obj: Obj) -> Obj:
    return {name: part for name, part in obj.items() if name not in ("metadata", "status", "apiVersion", "kind")}


def record(live: Obj | None, new: Obj, managers: list[fields.Manager]) -> None:
    """Puts the managers on the object; a write that changed nothing keeps the times it had."""
    new["metadata"]["managedFields"] = fields.entries(managers)
    if live is None:
        return
    was = {one.identity: one for one in fields.managers(live)}
    same = {one.identity: one.paths for one in managers if one.paths} == {at: one.paths for at, one in was.items()}
    if same and {**new, "metadata": {**new["metadata"], "managedFields": None}} == {
        **live,
        "metadata": {**live["metadata"], "managedFields": None},
    }:
        new["metadata"]["managedFields"] = live["metadata"].get("managedFields")


def distinct(causes: list[refusals.Cause]) -> list[refusals.Cause]:
    return list({cause.field: cause for cause in reversed(causes)}.values())[::-1]


def given_twice(config: Any, schema: Schema, at: fields.Path = ()) -> str:
    """Where a list-map of an applied object has two items of one key, in the API's words; empty where none has."""
    if isinstance(config, dict):
        below = [(part, schema.child(name) or ANY, (*at, f"f:{name}")) for name, part in config.items()]
    elif isinstance(config, list) and schema.keys and schema.items:
        keys = [f"k:{fields.text_of(schema.key_of(item))}" for item in config]
        if double := next((key for key in keys if keys.count(key) > 1), ""):
            return f"{fields.shown(at)}: duplicate entries for key {fields.shown((double,))}"
        below = [(item, schema.items, (*at, key)) for item, key in zip(config, keys, strict=True)]
    else:
        return ""
    return next((found for part, inner, path in below if (found := given_twice(part, inner, path))), "")
