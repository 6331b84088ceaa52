"""The three patches that are not server-side apply: JSON patch, merge patch, strategic merge patch."""

from typing import Any

import jsonpatch

from relight.local.cluster.refusals import Refusal, bad_request
from relight.local.cluster.schema import ANY, Schema
from relight.local.cluster.store import copy

Obj = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
KINDS = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)


def patched(live: Obj, patch: Any, kind: str, schema: Schema) -> Obj:
    """``live`` with ``patch`` of the content type ``kind`` on it. Raises Refusal (400, 422) where the patch is no good."""
    if kind == JSON_PATCH:
        return _json_patched(live, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    merged = _merge(live, patch) if kind == MERGE_PATCH else _strategic(live, patch, schema)
    return dict(merged)


def _json_patched(live: Obj, patch: Any) -> Obj:
    try:
        return dict(jsonpatch.apply_patch(copy(live), patch))
    except (jsonpatch.JsonPatchConflict, jsonpatch.JsonPatchTestFailed, jsonpatch.JsonPointerException) as error:
        raise Refusal(422, "Invalid", f"the server rejected our request due to an error in our request: {error}") from None
    except (jsonpatch.InvalidJsonPatch, TypeError, KeyError) as error:
        raise bad_request(f"error decoding patch: {error}") from None


def _merge(live: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return copy(patch)
    merged = copy(live) if isinstance(live, dict) else {}
    for name, part in patch.items():
        if part is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), part)
    return merged


def _strategic(live: Any, patch: Obj, schema: Schema) -> Obj:
    directive = patch.get("$patch")
    if directive == "replace":
        return {name: copy(part) for name, part in patch.items() if name != "$patch"}
    merged = copy(live) if isinstance(live, dict) else {}
    for name, part in patch.items():
        if name.startswith("$"):
            _directed(merged, name, part)
        elif part is None:
            merged.pop(name, None)
        else:
            merged[name] = _strategic_value(merged.get(name), part, schema.child(name) or ANY)
    return merged


def _directed(merged: Obj, name: str, part: Any) -> None:
    directive, _, target = name.partition("/")
    if directive == "$deleteFromPrimitiveList":
        merged[target] = [item for item in merged.get(target) or () if item not in part]
    elif directive == "$retainKeys":
        for key in set(merged) - set(part):
            del merged[key]


def _strategic_value(live: Any, part: Any, schema: Schema) -> Any:
    if isinstance(part, dict):
        return _strategic(live, part, schema)
    if isinstance(part, list) and schema.merge_key and schema.items:
        return _strategic_items(list(live or ()), part, schema, schema.items)
    if isinstance(part, list) and schema.is_set:
        return list(live or ()) + [item for item in part if item not in (live or ())]
    return copy(part)


def _strategic_items(live: list[Any], part: list[Any], schema: Schema, item_schema: Schema) -> list[Any]:
    key = schema.merge_key
    if any(item.get("$patch") == "replace" for item in part):
        return [copy(item) for item in part if item.get("$patch") != "replace"]
    merged = [copy(item) for item in live]
    for item in part:
        if key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        at = next((index for index, one in enumerate(merged) if one.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            merged = [one for one in merged if one.get(key) != item[key]]
        elif at is None:
            merged.append(_strategic({}, item, item_schema))
        else:
            merged[at] = _strategic(merged[at], item, item_schema)
    return merged
