"""Brings a backup onto the primary, as ``onto`` has shown it: the app stopped, its claims written beside their volumes,
its objects applied, the app started.

Each step looks at what is there first: killed anywhere and asked again, it ends the same.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from relight.errors import FailbackStopped
from relight.model import ActionResult, Verdict
from relight.recovery import onto
from relight.recovery.apply import Applier
from relight.recovery.cluster import ClusterApi, Object
from relight.recovery.hooks import HookPlace, run_hooks
from relight.recovery.ledger import Fate, Ledger
from relight.recovery.mounting import Reader
from relight.recovery.objects import Identity, containers, pod_spec
from relight.recovery.onto import CLAIM, WRITTEN, Onto
from relight.recovery.order import wave
from relight.recovery.patience import Deadline, Patience, poll
from relight.recovery.prepare import PlannedObject
from relight.recovery.release import DRAIN_SECONDS, freeze, unfreeze
from relight.recovery.validators import jobs
from relight.recovery.validators.context import Finding, Place
from relight.recovery.volumes import Volume
from relight.recovery.wellness import unwell
from relight.words import size

WORKLOADS = wave({"kind": "Deployment"})  # what is applied from here on may start
WELL_SECONDS = 300.0
ENDING_SECONDS = 60.0
# As root, of the capabilities only those that give files their owners and modes.
CAPABILITIES = {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"]}
NOWHERE = Path("/nonexistent")  # no volume of the primary is on a disk of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The pod that writes a claim. ``image`` holds Relight; ``secret`` or ``account`` gives it AWS; ``user``: as whom."""

    image: str
    region: str
    secret: str | None = None
    account: str | None = None
    user: Reader | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringing:
    """``say`` hears of each step. ``seed``: the run, after which its Jobs are named."""

    cluster: ClusterApi
    onto: Onto
    worker: Worker
    seed: str
    say: Callable[[str], object]

    @property
    def namespace(self) -> str:
        return self.onto.recipe.target

    def perform(self, deadline: Deadline) -> str:
        """What came of it, in words. Raises FailbackStopped at the first step that does not come to its end."""
        self._stop(deadline)
        early = self._apply([item for item in self.onto.objects if item.wave < WORKLOADS], deadline)
        for claim in self.onto.claims:
            self._write(claim, deadline)
        late = self._apply([item for item in self.onto.objects if item.wave >= WORKLOADS], deadline)
        self._start()
        hooks = HookPlace(cluster=self.cluster, namespace=self.namespace, seed=(self.seed, "primary"))
        run_hooks(self.onto.recipe.app.hooks, "after_restore", hooks)
        self._await_well(deadline)
        return f"{self._claims()}; {self._counted(early, late)}; its workloads are available, its claims bound"

    def _stop(self, deadline: Deadline) -> None:
        ours = [self._job(claim) for claim in self.onto.claims]
        self._settled("stop the app", freeze(self.cluster, self.namespace, min(deadline.left, DRAIN_SECONDS), ours))
        if found := onto.in_use(self.cluster, self.namespace, self.onto.claims):
            raise FailbackStopped(f"restore onto the primary stopped: {'; '.join(found)}; the app is stopped there")

    def _apply(self, items: Sequence[PlannedObject], deadline: Deadline) -> Ledger:
        ledger = Applier(cluster=self.cluster, data_dir=NOWHERE, seconds=deadline.left).run(items)
        if failed := [str(row) for row in ledger.rows if row.fate is Fate.FAILED]:
            raise FailbackStopped(f"restore onto the primary stopped: {'; '.join(failed)}; cure it, then ask again")
        self.say(f"applied: {self._counted(ledger)}")
        return ledger

    def _start(self) -> None:
        """What the backup has is as the backup says by now; what only the primary has goes on as it was."""
        told = {item.identity for item in self.onto.objects if item.object is not None}
        self._settled("start the app", unfreeze(self.cluster, self.namespace, told))

    def _settled(self, what: str, actions: Sequence[ActionResult]) -> None:
        if undone := [f"{action.target}: {action.detail}" for action in actions if not action.done]:
            raise FailbackStopped(f"restore onto the primary stopped: {what}: {'; '.join(undone)}")
        self.say(f"{what}: {len(actions)} action(s)")

    def _await_well(self, deadline: Deadline) -> None:
        found: list[str] = []

        def ask() -> bool | None:
            found[:] = unwell(self.cluster, self.namespace)
            return None if found else True

        if not poll(ask, deadline.sooner(WELL_SECONDS)):
            raise FailbackStopped(f"restored onto the primary, and not well there: {'; '.join(found)}; cure it, ask again")

    # ------------------------------------------------------------ claims
    def _write(self, claim: Volume, deadline: Deadline) -> None:
        if self._has(claim):
            self.say(f"claim {claim.claim} has it already")
            return
        self.say(f"claim {claim.claim}: {claim.files} file(s), {size(claim.bytes)}, are being written")
        found = self._run(claim, deadline)
        if found.verdict != Verdict.PASSED and not self._has(claim):  # another's restore may have been faster
            last = str(found.evidence.get("log") or "").strip().splitlines()[-1:]
            said = f"; it last said: {last[0][:300]}" if last else ""
            raise FailbackStopped(f"restore onto the primary stopped: {found.detail}{said}; the app is stopped there")
        note = {"metadata": {"annotations": {WRITTEN: self.onto.recipe.backup.metadata_sha256}}}
        Patience().persist(lambda: self.cluster.patch("v1", CLAIM, self.namespace, claim.claim, note), deadline)

    def _has(self, claim: Volume) -> bool:
        there = self.cluster.get("v1", CLAIM, self.namespace, claim.claim)
        return there is not None and onto.mark(there) == self.onto.recipe.backup.metadata_sha256

    def _run(self, claim: Volume, deadline: Deadline) -> Finding:
        """A Job that a killed restore left at work is waited for; one that failed, or is just being deleted, makes room."""
        seconds, name = max(1, int(deadline.left)), self._job(claim)
        if not self._has_room(name, deadline.sooner(ENDING_SECONDS)):
            raise FailbackStopped(f"restore onto the primary stopped: Job {name} of the try before has not ended; ask again")
        place = Place(cluster=self.cluster, namespace=self.namespace, job=name, seconds=seconds, read_only=False)
        return jobs.run(f"writing claim {claim.claim}", self._job_of(claim, place), place, deadline)

    def _has_room(self, name: str, deadline: Deadline) -> bool:
        there = self.cluster.get(jobs.BATCH, "Job", self.namespace, name)
        goes_on = there is not None and (jobs.ended(there) or {}).get("type") != "Failed"
        return goes_on or jobs.gone(name, self.cluster, self.namespace, deadline)

    def _job(self, claim: Volume) -> str:
        return jobs.named("restore", self.seed, self.onto.recipe.backup.metadata_sha256, claim.claim)

    def _job_of(self, claim: Volume, place: Place) -> Object:
        backup, worker = self.onto.recipe.backup, self.worker
        into = f"{jobs.MOUNTED}/{claim.claim}"
        unpack = ("backup", "unpack", backup.uri, claim.claim, "--into", into, "--metadata-sha256", backup.metadata_sha256)
        command = ("python3", "-m", "relight.cli", *unpack)
        job = jobs.job_of(place, worker.image, command, (claim.claim,), worker.secret)
        pod = pod_spec(job) or {}
        user = worker.user
        pod["securityContext"] = {"seccompProfile": {"type": "RuntimeDefault"}} | (
            {"runAsUser": user.user, "runAsGroup": user.group, "fsGroup": user.group} if user else {"runAsUser": 0}
        )
        if worker.account:
            pod["serviceAccountName"] = worker.account
        for container in containers(pod):
            container["env"] = [{"name": "AWS_REGION", "value": worker.region}]
            container["securityContext"]["capabilities"] = {"drop": ["ALL"]} if user else CAPABILITIES
        return job

    def _claims(self) -> str:
        files, stored = sum(one.files for one in self.onto.claims), sum(one.bytes for one in self.onto.claims)
        return f"{len(self.onto.claims)} claim(s) with {files} files, {size(stored)}"

    def _counted(self, *ledgers: Ledger) -> str:
        rows = [row for ledger in ledgers for row in ledger.rows]
        told = Counter(self.onto.becomes(Identity(row.group, row.kind, row.namespace, row.name), row.fate) for row in rows)
        return "objects: " + (", ".join(f"{number} {what}" for what, number in sorted(told.items())) or "none")
