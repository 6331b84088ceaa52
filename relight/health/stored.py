"""Signals that lie in the app's bucket: pointers and markers that its job writes, and its backups."""

from datetime import datetime
from typing import Any

import msgspec

from relight.adapters.s3 import S3, join
from relight.backup.catalog import list_backups
from relight.config import App, Signal
from relight.errors import ObjectNotFound
from relight.health.freshness import Judged, ahead, freshness
from relight.model import Health, moment


def pointer(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    """``{"ended_at": ...}``: the time that the app's own job wrote."""
    uri = join(app.storage, signal.key or "")
    try:
        data = store.get(uri)
    except ObjectNotFound:
        return Health.UNHEALTHY, f"{uri} is not there: the app never published"
    try:
        published = moment(msgspec.json.decode(data, type=dict[str, Any])["ended_at"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError) as error:
        return Health.UNKNOWN, f"{uri} is half-written or no pointer ({type(error).__name__}: {error})"
    return freshness(signal.schedule, published, at)


def marker(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    """Any object, by the time that S3 took it: its content is the app's own."""
    uri = join(app.storage, signal.key or "")
    found = store.head(uri)
    if found is None:
        return Health.UNHEALTHY, f"{uri} is not there: the app never published"
    if found.size == 0 or found.modified is None:
        return Health.UNKNOWN, f"{uri} is half-written: it is empty"
    return freshness(signal.schedule, found.modified, at)


def backup_age(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    """Against the signal's schedule, or the app's RPO where it has none. What cannot be read tells no age."""
    found = list_backups(store, app.storage)
    times = [moment(one.created_at) for one in found if one.created_at]
    if not times:
        torn = [one.problem for one in found if one.committed]
        said = f"no backup of {app.storage} tells its age: {torn[0]}" if torn else f"{app.storage} holds no committed backup"
        return (Health.UNKNOWN if torn else Health.UNHEALTHY), said
    newest = max(times)
    if signal.schedule:
        health, said = freshness(signal.schedule, newest, at)
        return health, f"the newest backup was {said}"
    if wrong := ahead(newest, at):
        return wrong[0], f"the newest backup was {wrong[1]}"
    age = int((at - newest).total_seconds())
    health = Health.HEALTHY if age <= app.rpo else Health.UNHEALTHY
    return health, f"the newest backup is {age} s old; the RPO is {app.rpo} s"
