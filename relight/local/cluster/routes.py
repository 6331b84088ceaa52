"""The HTTP face of the cluster: every request ends in one verb of ``Api``, a stream, or a Status."""

import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from relight.local.cluster import aggregation, discovery, refusals, requests, selectors
from relight.local.cluster.accounts import Account, Accounts, Ask
from relight.local.cluster.api import Api
from relight.local.cluster.requests import Target
from relight.local.cluster.scale import read_scale, write_scale
from relight.local.cluster.watching import stream

Obj = dict[str, Any]
Subresource = Callable[[web.Request, Target], Awaitable[web.StreamResponse]]
HEALTH = ("readyz", "livez", "healthz")
log = logging.getLogger(__name__)


def answer(body: Any, status: int = 200, warnings: list[str] | None = None) -> web.Response:
    response = web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
    for warning in warnings or ():
        response.headers.add("Warning", f'299 - "{warning.translate({34: chr(92) + chr(34)})}"')
    return response


class Routes:
    """``subresources`` are those that others bring: log and proxy come from the node."""

    def __init__(self, api: Api, accounts: Accounts, subresources: dict[str, Subresource]) -> None:
        self.api, self.accounts, self.subresources = api, accounts, subresources
        self.verbs = {
            "GET": self._read,
            "POST": self._create,
            "PUT": self._replace,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            account = self.accounts.who(request.headers.get("Authorization", "").partition(" ")[2])
            return await self._route(request, account)
        except refusals.Refusal as refusal:
            return answer(refusal.status(), refusal.http)
        except web.HTTPException:
            raise  # aiohttp's own answers, such as 413
        except Exception:
            log.exception("%s %s", request.method, request.path)
            broken = refusals.Refusal(500, "InternalError", "Internal error occurred in the emulated cluster: see its log")
            return answer(broken.status(), 500)

    async def _route(self, request: web.Request, account: Account | None) -> web.StreamResponse:
        path = request.path.strip("/")
        if path.split("/")[0] in HEALTH:
            return web.Response(text="ok")
        delegated = aggregation.delegated(self.api.store, self.api.kinds) if path.startswith("apis") else {}
        if (told := aggregation.ask(delegated, path)) is not None:
            return answer(told)
        where = requests.target(self.api.kinds, path)
        if where is None:
            return answer(discovery.describe(self.api.kinds, path, delegated))
        self.accounts.authorize(account, Ask.of(request.method, where, watching(request)))
        if where.subresource in self.subresources:
            return await self.subresources[where.subresource](request, where)
        if where.subresource and where.subresource not in where.resource.subresources:
            raise refusals.no_such_path()
        if request.method not in self.verbs:
            raise refusals.not_allowed()
        return await self.verbs[request.method](request, where)

    async def _read(self, request: web.Request, where: Target) -> web.StreamResponse:
        if watching(request):
            return await stream(request, self.api, where)
        if not where.name:
            return answer(self._list(request, where))
        found = self.api.get(where.resource, where.namespace, where.name)
        return answer(read_scale(where.resource, found) if where.subresource == "scale" else versioned(where, found))

    def _list(self, request: web.Request, where: Target) -> Obj:
        matches = selectors.predicate(
            request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""), where.resource.key
        )
        stored = self.api.store.objects(where.resource.key, where.namespace)
        found = [versioned(where, one) for one in stored if matches(one)]
        page, more = _page(found, requests.number(request, "limit"), request.query.get("continue", ""))
        meta = {"resourceVersion": str(self.api.store.version)} | more
        return {
            "kind": f"{where.resource.kind}List",
            "apiVersion": where.resource.api_version,
            "metadata": meta,
            "items": page,
        }

    async def _create(self, request: web.Request, where: Target) -> web.StreamResponse:
        if where.name:
            raise refusals.not_allowed()
        options = requests.options(request, where.subresource)
        made = self.api.create(where.resource, where.namespace, await requests.document(request), options)
        return answer(versioned(where, made), 201, self.api.warnings)

    async def _replace(self, request: web.Request, where: Target) -> web.StreamResponse:
        body, options = await requests.document(request), requests.options(request, where.subresource)
        if where.subresource == "scale":
            return answer(write_scale(self.api, where, body, options))
        return answer(
            versioned(where, self.api.replace(where.resource, where.namespace, where.name, body, options)),
            200,
            self.api.warnings,
        )

    async def _patch(self, request: web.Request, where: Target) -> web.StreamResponse:
        kind, options = requests.patch_kind(request), requests.options(request, where.subresource)
        patch = await requests.body(request)
        if where.subresource == "scale":
            return answer(write_scale(self.api, where, patch, options))
        new = self.api.store.get(where.resource.key, where.namespace, where.name) is None
        made = self.api.patch(where.resource, where.namespace, where.name, patch, kind, options)
        return answer(versioned(where, made), 201 if new else 200, self.api.warnings)

    async def _delete(self, request: web.Request, where: Target) -> web.StreamResponse:
        how = await requests.deletion(request)
        if not where.name:
            listed = self._list(request, where)
            for obj in listed["items"]:
                meta = obj["metadata"]
                self.api.delete(where.resource, meta.get("namespace", ""), meta["name"], how)
            return answer(listed)
        obj, gone = self.api.delete(where.resource, where.namespace, where.name, how)
        return answer(_success(where, obj) if gone else versioned(where, obj))


def watching(request: web.Request) -> bool:
    return request.query.get("watch", "").lower() in ("true", "1")


def versioned(where: Target, obj: Obj) -> Obj:
    """The object as of the version the path asks for: all versions of a CRD show the same content."""
    return obj if obj["apiVersion"] == where.resource.api_version else obj | {"apiVersion": where.resource.api_version}


def _success(where: Target, obj: Obj) -> Obj:
    details = {"name": where.name, "kind": where.resource.plural, "uid": obj["metadata"]["uid"]}
    details |= {"group": where.resource.group} if where.resource.group else {}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _page(found: list[Obj], limit: int, token: str) -> tuple[list[Obj], Obj]:
    """One page of a list; the continue token is the last object's place."""
    if token:
        last = _last(token)
        found = [obj for obj in found if _place(obj) > last]
    if not limit or len(found) <= limit:
        return found, {}
    rest = {
        "continue": urlsafe_b64encode(_place(found[limit - 1]).encode()).decode(),
        "remainingItemCount": len(found) - limit,
    }
    return found[:limit], rest


def _last(token: str) -> str:
    try:
        return urlsafe_b64decode(token).decode()
    except ValueError as error:
        raise refusals.bad_request(f"continue key is not valid: {error}") from None


def _place(obj: Obj) -> str:
    return f"{obj['metadata'].get('namespace', '')}\0{obj['metadata']['name']}"
