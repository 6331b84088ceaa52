"""Watches: the events of one resource from a version on, as JSON lines, until the client leaves or the time is over."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from relight.local.cluster import requests, selectors
from relight.local.cluster.api import Api
from relight.local.cluster.refusals import Refusal
from relight.local.cluster.requests import Target
from relight.local.cluster.store import Event

Obj = dict[str, Any]
LONGEST = 3600
DROPPED = (ConnectionResetError, ConnectionError)


def _line(kind: str, obj: Obj) -> bytes:
    return msgspec.json.encode({"type": kind, "object": obj}) + b"\n"


class Watch:
    """What one watcher asked for; ``seen`` turns an event into the line it gets, if any."""

    def __init__(self, where: Target, matches: selectors.Predicate) -> None:
        self.where, self.matches = where, matches

    def seen(self, event: Event) -> bytes | None:
        meta = event.object["metadata"]
        if event.key != self.where.resource.key or self.where.namespace not in ("", meta.get("namespace", "")):
            return None
        if self.where.name not in ("", meta["name"]):
            return None
        now = event.type != "DELETED" and self.matches(event.object)
        before = event.previous is not None and self.matches(event.previous)
        kind = {(True, True): "MODIFIED", (True, False): "ADDED", (False, True): "DELETED"}.get((now, before))
        return _line(kind, event.object | {"apiVersion": self.where.resource.api_version}) if kind else None


def _beginning(api: Api, watch: Watch, version: int) -> list[bytes]:
    """The lines a watcher gets at once: what happened since its version, or everything there is."""
    if version:
        return [line for event in api.store.since(version) if (line := watch.seen(event))]
    where = watch.where
    listed = api.store.objects(where.resource.key, where.namespace)
    return [_line("ADDED", obj) for obj in listed if watch.matches(obj) and where.name in ("", obj["metadata"]["name"])]


async def stream(request: web.Request, api: Api, where: Target) -> web.StreamResponse:
    matches = selectors.predicate(
        request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""), where.resource.key
    )
    watch, lines = Watch(where, matches), asyncio.Queue[bytes]()
    seconds = requests.number(request, "timeoutSeconds") or LONGEST
    bookmarks = request.query.get("allowWatchBookmarks", "").lower() == "true"
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        beginning = _beginning(api, watch, requests.number(request, "resourceVersion"))
    except Refusal as refusal:
        await response.write(_line("ERROR", refusal.status()))
        return response

    def listen(event: Event) -> None:
        if line := watch.seen(event):
            lines.put_nowait(line)

    api.store.listeners.append(listen)
    try:
        if beginning:
            await response.write(b"".join(beginning))
        await _pour(response, lines, seconds)
        if bookmarks:
            await response.write(_line("BOOKMARK", _bookmark(api, where)))
    except DROPPED:
        return response
    finally:
        api.store.listeners.remove(listen)
    return response


async def _pour(response: web.StreamResponse, lines: asyncio.Queue[bytes], seconds: int) -> None:
    try:
        async with asyncio.timeout(seconds):
            while True:
                await response.write(await lines.get())
    except TimeoutError:
        return


def _bookmark(api: Api, where: Target) -> Obj:
    meta = {"resourceVersion": str(api.store.version), "creationTimestamp": None}
    return {"kind": where.resource.kind, "apiVersion": where.resource.api_version, "metadata": meta}
