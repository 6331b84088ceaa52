"""All that an order names, fetched and checked. It begins when the order arrives, while the cluster still starts."""

import shutil
import tempfile
from concurrent.futures import Future
from pathlib import Path
from threading import Lock

import msgspec

from relight.adapters.s3 import S3
from relight.agent.background import begin
from relight.agent.logs import log
from relight.agent.shelf import Shelf, Unpacked
from relight.backup.reader import Backup, open_backup
from relight.backup.restore import VolumeStats
from relight.backup.unpack import Limits
from relight.config import App
from relight.errors import RequestInvalid, RestoreFailed, RetryableError
from relight.model import Order, decode, encode
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.plan import OpenedPlan, bind, open_plan
from relight.recovery.prepare import PlannedObject

Planned = tuple[PlannedObject, ...]


class Fetch:
    """Each part is a future. What goes wrong shows when its part is asked for, since only a task can answer for it."""

    def __init__(self, order: Order, store: S3, staging: Path) -> None:
        self.order = order
        self._store, self._staging, self._shelf = store, staging, Shelf(staging)
        self._lock = Lock()
        self._volumes: Future[Unpacked] | None = None
        self.plan: Future[OpenedPlan] = begin(self._open_plan, "fetch-plan")
        self.backup: Future[Backup] = begin(self._open_backup, "fetch-backup")
        self.recipe: Future[Recipe] = begin(self._recipe, "fetch-manifests")
        self.objects: Future[Planned] = begin(lambda: bind(self.plan.result(), self.recipe.result()), "fetch-objects")

    @property
    def failed(self) -> bool:
        """Whether a part failed in a way that may pass: whoever asks next should get another try, not the old error."""
        parts = (self.plan, self.backup, self.recipe, self.objects, self._volumes)
        return any(part and part.done() and isinstance(part.exception(), RetryableError) for part in parts)

    def volumes(self) -> Future[Unpacked]:
        """The volumes' data, unpacked and verified in a directory of their own; begins when first asked for."""
        with self._lock:
            self._volumes = self._volumes or begin(self._unpack, "fetch-volumes")
            return self._volumes

    def taken(self) -> None:
        """The volumes were moved to where they are used: who asks again gets them fetched again."""
        with self._lock:
            if self._volumes is not None:
                self._shelf.forget(self._volumes.result().tree)
            self._volumes = None

    def discard(self) -> None:
        """Nobody will ask for the volumes: their staging goes, now or when it is done."""
        with self._lock:
            if self._volumes is not None:
                self._volumes.add_done_callback(self._remove)

    def _open_plan(self) -> OpenedPlan:
        prefix = f"{self.order.plan.uri.rstrip('/')}/"
        files = {info.uri.removeprefix(prefix): self._store.get(info.uri) for info in self._store.list(prefix)}
        return open_plan(files, self.order.plan.hash)

    def _open_backup(self) -> Backup:
        return open_backup(self._store, self.order.plan.backup_uri, self.order.plan.metadata_sha256)

    def _recipe(self) -> Recipe:
        backup = self.backup.result()
        facts = BackupFacts.of(self.order.plan.backup_uri, backup.metadata_sha256, encode(backup.metadata))
        return Recipe.of(self._app(), self.order.run, facts, backup.manifests())

    def _app(self) -> App:
        try:
            return decode(self.order.app, App)
        except msgspec.ValidationError as error:
            raise RequestInvalid("the order's app", str(error), "deploy agent and functions of one version") from None

    def _unpack(self) -> Unpacked:
        app, backup = self._app(), self.backup.result()
        limits = Limits(bytes=app.max_state_bytes, files=app.max_state_files)
        if found := self._shelf.find(backup.metadata_sha256, limits):
            log.info("volumes taken up, proven before a restart", run_id=self.order.run.run_id)
            return found
        try:
            self._staging.mkdir(parents=True, exist_ok=True)
            target = Path(tempfile.mkdtemp(dir=self._staging))
            stats = self._restored(backup, target, limits)
            found = Unpacked(tree=target, bytes=stats.bytes, files=stats.files)
            self._shelf.keep(backup.metadata_sha256, limits, found)
        except OSError as error:
            raise RestoreFailed(
                f"volumes of {backup.uri}: the runner's disk refused ({error.strerror}); nothing was put in place; "
                "raise runner.disk_gib in relight.toml if it is full"
            ) from error
        log.info("volumes fetched and verified", run_id=self.order.run.run_id)
        return found

    def _restored(self, backup: Backup, target: Path, limits: Limits) -> VolumeStats:
        try:
            return backup.restore_volumes(target, limits)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def _remove(self, volumes: Future[Unpacked]) -> None:
        if volumes.exception() is None:
            self._shelf.forget(volumes.result().tree)
            shutil.rmtree(volumes.result().tree, ignore_errors=True)
