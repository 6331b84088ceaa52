"""Reads an HTTP request: which resource, object and subresource its path names, its options, its body."""

from dataclasses import dataclass
from typing import Any

import msgspec
import yaml
from aiohttp import web

from relight.local.cluster.kinds import Kinds, Resource
from relight.local.cluster.options import Deletion, Options
from relight.local.cluster.patches import KINDS as PATCHES
from relight.local.cluster.refusals import Refusal, bad_request, no_such_path, unsupported_media

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """``rest`` is what follows the subresource (the path behind a proxy)."""

    resource: Resource
    namespace: str
    name: str = ""
    subresource: str = ""
    rest: str = ""


def target(kinds: Kinds, path: str) -> Target | None:
    """The target of a resource path (without its leading slash); None where the path is a discovery path."""
    parts = path.split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = kinds.at(group, version, rest[0])
    if resource is None or (namespace and not resource.namespaced):
        raise no_such_path()
    name, subresource = [*rest[1:3], "", ""][:2]
    return Target(resource, namespace, name, subresource, "/".join(rest[3:]))


def options(request: web.Request, subresource: str) -> Options:
    query = request.query
    agent = request.headers.get("User-Agent", "unknown").partition("/")[0]
    applying = request.content_type.startswith("application/apply-patch")
    return Options(
        manager=query.get("fieldManager") or ("" if applying else agent or "unknown"),
        dry_run="All" in query.getall("dryRun", []),
        force=query.get("force", "").lower() == "true",
        validation=query.get("fieldValidation") or "Warn",
        subresource=subresource,
    )


async def deletion(request: web.Request) -> Deletion:
    query, given = request.query, await body(request) if request.can_read_body else {}
    given = given if isinstance(given, dict) else {}
    grace = query.get("gracePeriodSeconds", given.get("gracePeriodSeconds"))
    wanted = given.get("preconditions") or {}
    orphans = query.get("orphanDependents", given.get("orphanDependents"))
    legacy = "" if orphans is None else "Orphan" if str(orphans).lower() == "true" else "Background"
    return Deletion(
        policy=query.get("propagationPolicy") or given.get("propagationPolicy") or legacy,
        grace=None if grace is None else int(grace),
        dry_run="All" in query.getall("dryRun", []) or "All" in (given.get("dryRun") or ()),
        uid=wanted.get("uid") or "",
        version=wanted.get("resourceVersion") or "",
    )


async def body(request: web.Request) -> Any:
    """The request's JSON or YAML body. Raises Refusal (400) where it is neither."""
    raw = await request.read()
    try:
        return msgspec.json.decode(raw or b"{}")
    except msgspec.DecodeError as error:
        if "yaml" not in request.content_type:
            raise bad_request(
                f"the object provided is unrecognized: couldn't get version/kind; json parse error: {error}"
            ) from None
    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from None


async def document(request: web.Request) -> Obj:
    given = await body(request)
    if not isinstance(given, dict):
        raise bad_request("the object provided is unrecognized: it is not an object")
    return given


def patch_kind(request: web.Request) -> str:
    if request.content_type not in PATCHES:
        raise unsupported_media(request.content_type, ", ".join(PATCHES))
    return request.content_type


def number(request: web.Request, name: str, default: int = 0) -> int:
    """A query parameter that is a number. Raises Refusal (400) where it is not."""
    text = request.query.get(name) or str(default)
    try:
        return int(text)
    except ValueError:
        raise Refusal(400, "BadRequest", f"invalid query parameter {name}: {text!r} is not a number") from None
