"""Catalog: every backup is proven byte by byte as it appears; ``last-valid`` and ``last-proven`` name the newest good ones.

S3's event names a backup the moment it is committed; the schedule finds what no event told of, goes on with what one call
did not reach, and notices what was removed.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger

from lambdas.catalog.rehearsals import Rehearsals
from relight.adapters import parameters
from relight.adapters.catalog import Catalog
from relight.adapters.metrics import emit
from relight.adapters.s3 import S3, join
from relight.adapters.watchers import starts_incidents
from relight.backup import metadata
from relight.backup.audit import audit
from relight.backup.catalog import BackupSummary, list_backups
from relight.backup.marks import settle
from relight.config import App
from relight.errors import RequestInvalid
from relight.model import Audit, BackupState, CatalogEntry, Mark, MarkName, encode, now
from relight.records import replace
from relight.settings import function_settings

MARGIN = 30.0  # seconds kept for writing down what was found
DONE = (BackupState.VALID, BackupState.INVALID, BackupState.DEFERRED)
log = Logger()


def handler(event: dict[str, Any], context: Any) -> Any:
    """Event: S3's "Object Created", or {"app": name} from the schedule. Answers app → {"last-valid", "last-proven"}.

    Raises RequestInvalid for any other event, Conflict, and what S3 and the table raise: the event then comes again.
    """
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN
    settings = function_settings()
    catalog = Catalog(settings.table)
    return {app.name: encode(go(app, settings.name, catalog, lambda: time.monotonic() < until)) for app in apps(event)}


def go(app: App, deployment: str, catalog: Catalog, patient: Callable[[], bool]) -> dict[MarkName, Mark | None]:
    """A round, and then what a person should hear of the app's drills."""
    marks = Round(app, S3(), catalog, patient).go()
    Rehearsals(app, catalog, lambda: starts_incidents(deployment, app.name)).tell()
    return marks


def apps(event: dict[str, Any]) -> Iterator[App]:
    if event.get("app"):
        yield parameters.app(str(event["app"]))
    elif event.get("source") == "aws.s3":
        yield from committed(event.get("detail") or {})
    else:
        problem, fix = "is neither of S3 nor names an app", 'send {"app": name}, as the schedules do'
        raise RequestInvalid("catalog: the event", problem, fix)


def committed(detail: dict[str, Any]) -> Iterator[App]:
    """The apps below whose storage the new object is a backup's metadata.json. Keys come URL-encoded from some senders."""
    uri = f"s3://{detail.get('bucket', {}).get('name')}/{unquote_plus(str(detail.get('object', {}).get('key')))}"
    for app in parameters.apps():
        if uri.startswith(join(app.storage, "backups") + "/") and uri.endswith("/" + metadata.NAME):
            yield app


@dataclass(frozen=True, slots=True)
class Round:
    """One look at all of an app's backups, the newest first, while there is time."""

    app: App
    store: S3
    catalog: Catalog
    patient: Callable[[], bool]

    def go(self) -> dict[MarkName, Mark | None]:
        known = {entry.backup_id: entry for entry in self.catalog.entries(self.app.name)}
        there = [found for found in list_backups(self.store, self.app.storage) if found.committed]
        for gone in known.keys() - {found.backup_id for found in there}:
            self._gone(known[gone])
        entries = [entry for found in there if (entry := self._entry(found, known.get(found.backup_id)))]
        self._tell(entries)
        return settle(self.catalog, self.app.name)

    def _entry(self, found: BackupSummary, known: CatalogEntry | None) -> CatalogEntry | None:
        """The backup's entry, audited now unless that was done; None where time ran out before it was looked at."""
        if known and known.audit.state in DONE and known.audit.fingerprint == found.fingerprint:
            return known
        if not self.patient():
            return known
        begun = known.audit if known else None
        made = CatalogEntry(
            app=self.app.name,
            backup_id=found.backup_id,
            uri=found.uri,
            created_at=found.created_at,
            audit=audit(self.store, found, begun, self.patient),
            checked_at=now(),
        )
        self.catalog.note_audit(made)
        log.info("audited", extra={"app": self.app.name, "backup": found.uri, "audit": encode(made.audit)})
        return made

    def _gone(self, entry: CatalogEntry) -> None:
        if entry.audit.state != BackupState.GONE:
            gone = Audit(state=BackupState.GONE, reason="its metadata.json is not there any more")
            self.catalog.note_audit(replace(entry, audit=gone, checked_at=now()))

    def _tell(self, newest_first: list[CatalogEntry]) -> None:
        """Whether the newest backup is bad, or shut: what an incident would take first."""
        bad = bool(newest_first) and newest_first[0].audit.state in (BackupState.INVALID, BackupState.UNOPENED)
        emit("NewestBackupInvalid", int(bad), app=self.app.name)
