"""From the app and its backups to a plan in the run's evidence."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lambdas.plan.custody import custody
from relight.adapters.catalog import Catalog
from relight.adapters.compute import Compute
from relight.adapters.s3 import join
from relight.backup.catalog import Selection, select
from relight.backup.parallel import ordered
from relight.backup.proofs import last
from relight.config import App
from relight.drills import version
from relight.errors import BackupTooOld, PreflightFailed, RelightError
from relight.evidence.step import Step
from relight.model import Deadlines, Mode, Objectives, PlanRef, Verdict, encode, moment
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.forecast import PLATFORM
from relight.recovery.plan import PlanBundle, PlanInputs, make_plan

MOST, LONGEST = 3, 400  # backups passed over that the answer names, and characters of each; the receipt has them all
SHOWN = 20  # lines of a check in the receipt; the plan's bundle has them all
THREADS = 4
CHOSEN_BY_AGE = ("latest_valid", "latest_proven")


@dataclass(frozen=True, slots=True)
class Planning:
    now: Step
    app: App
    deadlines: Deadlines

    def make(self) -> PlanRef:
        """Chooses, verifies (not the bytes: the agent does that as it restores), plans, preflights, writes the bundle.

        Raises what the backup breaks, ImageNotPinned, PreflightFailed, BackupTooOld.
        """
        run, store = self.now.run, self.now.store
        known = Catalog(self.now.settings.table).entries(self.app.name)
        chosen = select(store, self.app.storage, run.backup, seed=run.run_id, known=known)
        self._note("backup", [f"passed over {one.uri}: {one.why}" for one in chosen.passed_over])
        self._check_age(chosen)
        self._check_offered()
        bundle = self._bundle(chosen)
        self._note("objects", [f"refused {one.identity}" for one in bundle.refused])
        self._note("forecast", list(_foreseen(bundle)))
        unseen = [f"{one.where} {one.detail}" for one in bundle.forecast.findings if one.check == PLATFORM]
        self._note("platforms", unseen, Verdict.COULD_NOT_VERIFY)
        where = join(self.now.prefix, "plan")
        for _ in ordered(lambda file: store.put(join(where, file[0]), file[1]), bundle.files.items(), THREADS):
            pass
        return self._ref(where, bundle, chosen)

    def _bundle(self, chosen: Selection) -> PlanBundle:
        backup = chosen.backup
        proofs = partial(last, self.now.store, self.now.settings.evidence_bucket, self.app.name)
        self.now.record.verdicts += custody(self.app, backup, proofs)
        facts = BackupFacts.of(backup.uri, backup.metadata_sha256, encode(backup.metadata))
        recipe = Recipe.of(self.app, self.now.run, facts, backup.manifests())
        settings = self.now.settings
        return make_plan(
            PlanInputs(
                recipe=recipe, mode=self.now.run.mode, ladder=settings.instance_types, disk_gib=settings.disk_gib or None
            )
        )

    def _ref(self, where: str, bundle: PlanBundle, chosen: Selection) -> PlanRef:
        return PlanRef(
            uri=where,
            hash=bundle.hash,
            backup_uri=chosen.uri,
            backup_id=chosen.backup_id,
            metadata_sha256=chosen.metadata_sha256,
            created_at=chosen.created_at,
            rungs=len(self.now.settings.instance_types) * len(self.now.settings.subnets),
            deadlines=self.deadlines,
            objectives=Objectives(rto=self.app.rto, rpo=self.app.rpo),
            app_version=version(self.app),
            passed_over=tuple(f"{one.uri}: {one.why}"[:LONGEST] for one in chosen.passed_over[:MOST]),
        )

    def _check_age(self, chosen: Selection) -> None:
        """An incident goes on with what there is, and says so. A drill that was to prove the RPO fails."""
        age = int((datetime.now(UTC) - moment(chosen.created_at)).total_seconds())
        said = f"backup {chosen.backup_id} is {age} s old; the RPO of {self.app.name} is {self.app.rpo} s"
        if age > self.app.rpo and self.now.run.mode == Mode.DRILL and self.now.run.backup in CHOSEN_BY_AGE:
            raise BackupTooOld(f"{said}; an incident now would lose more than allowed; repair the app's backups")
        self._note("rpo", [said] if age > self.app.rpo else [])

    def _check_offered(self) -> None:
        """Whether the region has any of the ladder's instance types. That EC2 cannot say so stops nobody."""
        wanted = set(self.now.settings.instance_types)
        try:
            offered = Compute().offered(sorted(wanted))
        except RelightError as error:
            self._note("ladder", [f"{type(error).__name__}: {error}"], Verdict.COULD_NOT_VERIFY)
            return
        if not offered:
            raise PreflightFailed(f"launch ladder: none of {', '.join(sorted(wanted))} is offered here; change relight.toml")
        self._note("ladder", [f"{one} is not offered here" for one in sorted(wanted - offered)])

    def _note(self, check: str, found: list[str], bad: Verdict = Verdict.FAILED) -> None:
        """A preflight in the receipt: one that did not pass is a warning, or the run would have ended."""
        row: dict[str, Any] = {
            "check": check,
            "verdict": (bad if found else Verdict.PASSED).value,
            "detail": "; ".join(found[:SHOWN]) + (f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""),
        }
        self.now.record.verdicts.append(row)


def _foreseen(bundle: PlanBundle) -> Iterator[str]:
    """What the forecast says will fail, beyond what the plan refuses, and what may keep the app from working."""
    for item, told in zip(bundle.objects, bundle.forecast.told, strict=True):
        if told.because:
            yield f"{item.identity} will be {told.fate}: {told.because}"
    yield from (str(one) for one in bundle.forecast.findings if one.check != PLATFORM)
