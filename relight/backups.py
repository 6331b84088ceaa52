"""An app backed up from its cluster, hooks and quiet included: by a person, its CronJob, or a runner in production."""

from contextlib import nullcontext
from pathlib import Path

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3, join
from relight.backup.metadata import BackupUri, Metadata
from relight.backup.upload import Sender
from relight.backup.writer import BackupSource, write_backup
from relight.config import App
from relight.model import encode, now
from relight.recovery.collect import Collected, collect
from relight.recovery.hooks import HookPlace, around_backup, forget_hooks
from relight.recovery.quiesce import quiet, wake


def named_now() -> str:
    """What a backup is called that was given no name."""
    return now().replace("-", "").replace(":", "")


def write(
    app: App,
    cluster: Cluster,
    given: dict[str, Path],
    backup_id: str | None = None,
    sender: Sender | None = None,
    site: str = "",
) -> tuple[str, Metadata]:
    """Backs the app up from its cluster; the backup's URI and metadata. Raises what hooks, collecting and writing raise.

    ``site``: which one it is, where that is not the primary; its metadata's source says so. One that is resumed does all of
    it again: what it says is of now, and only the bytes that are there are not sent again.
    """
    chosen, sender = backup_id or named_now(), sender or Sender(S3())
    uri = BackupUri.parse(join(app.storage, "backups", chosen)).uri
    at = HookPlace(cluster=cluster, namespace=app.namespace, seed=(chosen,), development=app.development)
    if sender.resume:
        forget_hooks(app.hooks, at)
    with around_backup(app.hooks, at):
        wake(cluster, app.namespace)
        found = collect(cluster, app.namespace, directories=given)  # before anything is stopped: as it is to be restored
        with quiet(cluster, app.namespace) if app.quiesce else nullcontext():
            return uri, write_backup(sender.store, uri, source_of(app, chosen, found, site), sender, app.encryption)


def source_of(app: App, backup_id: str, found: Collected, site: str = "") -> BackupSource:
    """What is backed up, as of now."""
    return BackupSource(
        backup_id=backup_id,
        app=app.name,
        namespace=app.namespace,
        created_at=now(),
        manifests=found.objects,
        volumes={(data.namespace, data.claim): data.directory for data in found.volumes},
        source={**found.source, **({"site": site} if site else {})},
        images=[encode(image) for image in found.images],
        unresolved=[encode(row) for row in found.unresolved],
        platforms=found.platforms,
    )
