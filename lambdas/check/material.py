"""What an incident would restore now: the backup it would take, the plan it would make, the images it would run."""

from dataclasses import dataclass
from functools import cached_property

from relight.adapters.catalog import Catalog
from relight.adapters.s3 import S3, join
from relight.backup.catalog import Selection, select
from relight.backup.metadata import NAME
from relight.config import App
from relight.errors import BackupError, ImageNotPinned, ObjectNotFound, PreflightFailed, RelightError, RequestInvalid
from relight.model import Mode, RunRequest, encode, moment
from relight.readiness.facts import Backup, Planned
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.plan import PlanInputs, make_plan
from relight.recovery.platforms import Platforms, recorded

BROKEN = (BackupError, ImageNotPinned, ObjectNotFound, PreflightFailed, RequestInvalid)  # the others: it cannot be said


@dataclass
class Material:
    app: App
    store: S3
    ladder: tuple[str, ...]
    catalog: Catalog

    @cached_property
    def _chosen(self) -> Selection | RelightError:
        """Read once. What breaks the backup is an answer too; an error besides is raised again each time."""
        try:
            return select(self.store, self.app.storage, known=self.catalog.entries(self.app.name))
        except BROKEN as error:
            return error

    def backup(self) -> Backup:
        if isinstance(self._chosen, RelightError):
            return Backup(broken=str(self._chosen))
        found, about = self._chosen, self._chosen.metadata
        committed = self.store.head(join(found.uri, NAME))
        return Backup(
            uri=found.uri,
            backup_id=found.backup_id,
            created_at=moment(found.created_at),
            committed_at=committed.modified if committed else None,
            bytes=about.declared_bytes,
            files=about.declared_files,
            passed_over=tuple(f"{one.uri}: {one.why}" for one in found.passed_over),
        )

    @cached_property
    def _planned(self) -> Planned:
        if isinstance(self._chosen, RelightError):
            return Planned(broken="there is no backup to plan from")
        chosen = self._chosen
        try:
            facts = BackupFacts.of(chosen.uri, chosen.metadata_sha256, encode(chosen.metadata))
            recipe = Recipe.of(self.app, RunRequest(app=self.app.name), facts, chosen.backup.manifests())
            return Planned.of(make_plan(PlanInputs(recipe=recipe, mode=Mode.INCIDENT, ladder=self.ladder)), facts)
        except BROKEN as error:
            return Planned(broken=str(error))

    def planned(self) -> Planned:
        return self._planned

    @property
    def platforms(self) -> Platforms:
        """Where the backup saw its images run."""
        return {} if isinstance(self._chosen, RelightError) else recorded(self._chosen.metadata.extra.get("platforms"))
