"""The verbs on objects: create, replace, patch, apply, delete. HTTP and the controllers both come through here."""

import uuid
from dataclasses import replace
from typing import Any

from relight.local.cluster import addresses, admission, deleting, fields, refusals, rules, writing
from relight.local.cluster.defaults import complete
from relight.local.cluster.deleting import awaits_other
from relight.local.cluster.kinds import Kinds, Resource
from relight.local.cluster.options import BY_DEFAULT, INTERNAL, Deletion, Options, now, suffix
from relight.local.cluster.patches import APPLY_PATCH, KINDS, STRATEGIC_PATCH, patched
from relight.local.cluster.schema import check, defaulted, pruned
from relight.local.cluster.store import Store

Obj = dict[str, Any]
SYSTEM_FIELDS = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)


class Api:
    """Checks, completes and stores; ``warnings`` of the last write are for its answer's Warning headers."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        self.store, self.kinds = store, kinds
        self.root = ""  # the certificate that pods trust
        self.warnings: list[str] = []

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        found = self.store.get(resource.key, namespace, name)
        if found is None:
            raise refusals.not_found(resource.plural, resource.group, name)
        return found

    # ------------------------------------------------------------ writing
    def create(self, resource: Resource, namespace: str, body: Obj, options: Options = INTERNAL) -> Obj:
        meta = body.setdefault("metadata", {})
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + suffix()
        if not meta.get("name"):
            cause = refusals.Cause("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
            raise refusals.invalid(resource.kind, resource.group, "", [cause])
        if self.store.get(resource.key, namespace, meta["name"]) is not None:
            raise refusals.already_exists(resource.plural, resource.group, meta["name"])
        if meta.get("resourceVersion"):
            raise refusals.bad_request("resourceVersion should not be set on objects to be created")
        return self._write(resource, namespace, None, body, options)

    def replace(self, resource: Resource, namespace: str, name: str, body: Obj, options: Options = INTERNAL) -> Obj:
        live = self.get(resource, namespace, name)
        given = body.setdefault("metadata", {}).setdefault("name", name)
        if given != name:
            raise refusals.bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        return self._write(resource, namespace, live, body, options)

    def patch(self, resource: Resource, namespace: str, name: str, patch: Any, kind: str, options: Options) -> Obj:
        live = self.store.get(resource.key, namespace, name)
        if kind == APPLY_PATCH:
            return self._apply(resource, namespace, name, live, patch, options)
        if live is None:
            raise refusals.not_found(resource.plural, resource.group, name)
        if resource.custom and kind == STRATEGIC_PATCH:
            raise refusals.unsupported_media(kind, ", ".join(one for one in KINDS if one != kind))
        wanted = patched(live, patch, kind, resource.schema)
        _same(resource, live, wanted)
        return self._write(resource, namespace, live, wanted, options)

    def _apply(self, resource: Resource, namespace: str, name: str, live: Obj | None, config: Obj, options: Options) -> Obj:
        if not options.manager:
            cause = refusals.Cause("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")
            raise refusals.invalid("PatchOptions", "meta.k8s.io", "", [cause])
        config = pruned(config, None)
        meta = config.setdefault("metadata", {})
        if meta.get("managedFields"):
            raise refusals.bad_request("metadata.managedFields must be nil")
        if meta.setdefault("name", name) != name:
            raise refusals.bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
            )
        _same(resource, live, config)
        self._typed(resource, config, namespace, name)
        config = pruned(config, resource.schema)
        who = fields.Manager(options.manager, "Apply", resource.api_version, options.subresource, now())
        merged, managers = fields.apply(live, config, resource.schema, who, options.force)
        return self._write(resource, namespace, live, merged, replace(options, operation="Apply"), managers)

    def _typed(self, resource: Resource, config: Obj, namespace: str, name: str) -> None:
        found = check(config, resource.schema)
        twice = writing.given_twice(config, resource.schema)
        if found.unknown or found.mistyped or twice:
            why = f".{found.unknown[0]}: field not declared in schema" if found.unknown else twice or f".{found.mistyped[0]}"
            shown = f"{namespace}/{name}; {resource.api_version}, Kind={resource.kind}"
            raise refusals.Refusal(500, "", f"failed to create typed patch object ({shown}): {why}")

    def _write(
        self,
        resource: Resource,
        namespace: str,
        live: Obj | None,
        wanted: Obj,
        options: Options,
        managers: list[fields.Manager] | None = None,
    ) -> Obj:
        new = self._decoded(resource, wanted, options) if managers is None else wanted
        new = self._placed(resource, namespace, live, new, options)
        complete(resource.key, new, live, self.store)
        if resource.custom:
            defaulted(new, resource.schema)
        admission.complete(resource, new, live, self.store)
        causes = [*check(new, resource.schema).causes, *rules.faults(resource, new, live)]
        causes += addresses.faults(resource.key, new, self.store)
        if causes:
            raise refusals.invalid(resource.kind, resource.group, new["metadata"]["name"], writing.distinct(causes))
        admission.approve(resource, new, live, options.subresource, self.store)
        self._count(resource, live, new)
        if options.manager:
            managers = managers if managers is not None else self._updated(resource, live, new, options)
            writing.record(live, new, managers)
        if live is not None and new == live:
            return live
        if options.dry_run:
            return new
        return self._stored(resource, new)

    def _decoded(self, resource: Resource, body: Obj, options: Options) -> Obj:
        """The body as the kind's own object: wrong types refused, unknown fields refused or dropped with a warning."""
        for name, right in (("apiVersion", resource.api_version), ("kind", resource.kind)):
            if body.setdefault(name, right) != right:
                said = f"the {name} in the data ({body[name]}) does not match the expected {name} ({right})"
                raise refusals.bad_request(said)
        body = pruned(body, None)
        found = check(body, resource.schema)
        version = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        if found.mistyped and resource.custom:
            causes = [refusals.Cause(one.path, "FieldValueTypeInvalid", one.invalid()) for one in found.mistyped]
            raise refusals.invalid(resource.kind, resource.group, str((body.get("metadata") or {}).get("name", "")), causes)
        if found.mistyped:
            raise refusals.bad_request(f"{version}: json: cannot unmarshal {found.mistyped[0]}")
        if found.malformed:
            raise refusals.bad_request(f"{version}: {found.malformed[0]}")
        if found.unknown and options.validation == "Strict":
            said = ", ".join(f'unknown field "{path}"' for path in found.unknown)
            raise refusals.bad_request(f"{version}: strict decoding error: {said}")
        self.warnings = [f'unknown field "{path}"' for path in found.unknown] if options.validation == "Warn" else []
        return dict(pruned(body, resource.schema)) if found.unknown else body

    def _placed(self, resource: Resource, namespace: str, live: Obj | None, new: Obj, options: Options) -> Obj:
        """The object with the metadata only the server sets, and with what this (sub)resource may not write put back."""
        meta = new["metadata"] = dict(new.get("metadata") or {})
        if resource.namespaced:
            if meta.setdefault("namespace", namespace) != namespace:
                raise refusals.bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            self._home(resource, namespace, meta["name"], creating=live is None)
        else:
            meta.pop("namespace", None)
        if live is not None:
            self._unmoved(resource, live, meta)
        for field in SYSTEM_FIELDS:
            meta.pop(field, None)
            if live is not None and field in live["metadata"]:
                meta[field] = live["metadata"][field]
        if live is None:
            meta |= {"creationTimestamp": now(), "uid": str(uuid.uuid4())}
        else:
            meta["resourceVersion"] = live["metadata"]["resourceVersion"]
        return writing.separated(resource, live, new, options)

    def _home(self, resource: Resource, namespace: str, name: str, creating: bool) -> None:
        home = self.store.get("namespaces", "", namespace)
        if home is None:
            raise refusals.not_found("namespaces", "", namespace)
        if creating and home["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise refusals.forbidden(resource.plural, resource.group, name, why)

    def _unmoved(self, resource: Resource, live: Obj, meta: Obj) -> None:
        """Refuses a write that was made for another version, or another object of the same name."""
        if meta.get("resourceVersion") not in (None, "", live["metadata"]["resourceVersion"]):
            raise refusals.modified(resource.plural, resource.group, meta["name"])
        if meta.get("uid") not in (None, "", live["metadata"]["uid"]):
            why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {live['metadata']['uid']}"
            raise refusals.conflict(resource.plural, resource.group, meta["name"], why)

    def _count(self, resource: Resource, live: Obj | None, new: Obj) -> None:
        if live is None and resource.generation:
            new["metadata"]["generation"] = 1
        elif live is not None and resource.generation and writing.intent(new) != writing.intent(live):
            new["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1

    def _updated(self, resource: Resource, live: Obj | None, new: Obj, options: Options) -> list[fields.Manager]:
        who = fields.Manager(options.manager, "Update", resource.api_version, options.subresource, now())
        return fields.after_update(live, new, resource.schema, who)

    def _stored(self, resource: Resource, new: Obj) -> Obj:
        meta = new["metadata"]
        stored = self.store.put(resource.key, new)
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and not awaits_other(resource.key, new):
            self.store.remove(resource.key, meta.get("namespace", ""), meta["name"])
        return stored

    def set_status(self, key: str, obj: Obj, status: Obj) -> Obj:
        """A controller's status for an object: stored if it says something new and the object is still there."""
        meta = obj["metadata"]
        live = self.store.get(key, meta.get("namespace", ""), meta["name"])
        if live is None or live["metadata"]["uid"] != meta["uid"] or live.get("status") == status:
            return live or obj
        return self.store.put(key, live | {"metadata": dict(live["metadata"]), "status": status})

    def set_metadata(self, key: str, obj: Obj, **changes: Any) -> Obj:
        """A controller's change of metadata (finalizers, owners, labels): None removes; an object let go is removed."""
        meta = {name: part for name, part in (obj["metadata"] | changes).items() if part is not None}
        return obj if meta == obj["metadata"] else self._stored(self.kinds[key], obj | {"metadata": meta})

    def delete(self, resource: Resource, namespace: str, name: str, how: Deletion = BY_DEFAULT) -> tuple[Obj, bool]:
        """Deletes, or marks for deletion what still waits for something. Returns the object and whether it is gone."""
        live = self.get(resource, namespace, name)
        changes = deleting.decide(resource, live, how, has_dependents=live["metadata"]["uid"] in self.store.dependents)
        if how.dry_run:
            return live, changes is None
        if changes is None:
            self.store.remove(resource.key, namespace, name)
            return live, True
        marked = live | {"metadata": dict(live["metadata"])}
        if resource.key == "namespaces":
            marked["status"] = {"phase": "Terminating"}
        return self.set_metadata(resource.key, marked, **changes), False


def _same(resource: Resource, live: Obj | None, wanted: Obj) -> None:
    """Refuses a patch that was made for another object of the same name."""
    meta = wanted.get("metadata") or {}
    given, name = meta.get("uid"), meta.get("name", "")
    if given and live is None:
        why = f"uid mismatch: the provided object specified uid {given}, and no existing object was found"
        raise refusals.conflict(resource.plural, resource.group, name, why)
    if given and live is not None and given != live["metadata"]["uid"]:
        cause = refusals.invalid_value("metadata.uid", given, "field is immutable")
        raise refusals.invalid(resource.kind, resource.group, name, [cause])
