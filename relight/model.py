"""What travels on each arrow: between states, functions, the agent, the console and the CLI.

Frozen structs of msgspec: such a class costs a fortieth of a dataclass, and every start of a function makes all of them. A
changed copy is ``relight.records.replace``'s. ``decode`` and ``encode`` turn them from and into JSON with types checked; a
person's own input (``relight.toml``) is checked by ``relight.config`` instead, which reports every fault at once.
Times are RFC 3339 UTC strings on the wire (``2026-11-23T03:00:00Z``), durations are whole seconds, sizes are bytes.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, TypeVar

import msgspec

from relight.errors import RequestInvalid

T = TypeVar("T")


class Phase(StrEnum):
    DETECT = "detect"
    PLAN = "plan"
    LAUNCH = "launch"
    RESTORE = "restore"
    VALIDATE = "validate"
    APPROVE = "approve"
    PROMOTE = "promote"
    SERVE = "serve"
    FAILBACK = "failback"
    TEARDOWN = "teardown"
    REPORT = "report"


class Tag(StrEnum):
    """A runner's tags; guards find it by these alone. ``EXPIRES``: epoch seconds, read by the dead man's switch too."""

    NAME = "relight:name"  # the deployment (``relight.toml``'s name)
    RUN = "relight:run-id"
    APP = "relight:app"
    MODE = "relight:mode"
    RUNG = "relight:rung"
    EXPIRES = "relight:expires-at"


class Mode(StrEnum):
    INCIDENT = "incident"
    DRILL = "drill"


class Verdict(StrEnum):
    PASSED = "PASSED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    COULD_NOT_VERIFY = "COULD_NOT_VERIFY"


class Outcome(StrEnum):
    """How a run ended."""

    HEALTHY = "Healthy"  # healthy, nothing to do
    SUCCEEDED = "Succeeded"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    HELD = "Held"  # a person asked to stop after a phase; the runner lives until its expiry
    PREEMPTED = "Preempted"  # a drill gave way to an incident
    FAILED = "Failed"


class Decided(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a run: execution input, console POST body, drill schedule. Only ``app`` has no default.

    ``backup``: a selector (``relight.formats.is_selector``) or a backup's S3 URI.
    ``start_at``: ``launch`` (the default), ``restore`` or ``validate`` on the runner being held for the app, or
    ``teardown`` to give it up. ``stop_after``: the phase after which the runner is held instead of torn down.
    ``existing``: what the restore does with others' objects in its way; None: as the app says.
    """

    app: str
    mode: Mode = Mode.INCIDENT
    reason: str = ""
    initiator: str = "unknown"
    backup: str = "latest_valid"
    image_ref: str | None = None
    namespace: str | None = None
    run_job: bool = True
    rehearse_approval: bool = False
    teardown: bool = True
    start_at: Phase = Phase.LAUNCH
    stop_after: Phase | None = None
    break_glass: str | None = None
    negative_control: bool = False
    existing: Literal["fail", "keep", "update"] | None = None


class Run(RunRequest, frozen=True, kw_only=True):
    """A run: its request plus what the engine gave it. The ASL's first state makes it; every payload carries it."""

    run_id: str
    started_at: str
    execution_arn: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run left the flow: the state that failed, the error's class name, and its message."""

    phase: str
    error: str
    cause: str = ""


# ---------------------------------------------------------------- Detect
class Health(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    signal: str
    kind: str
    health: Health
    reason: str
    observed_at: str


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """``proceed`` false means: healthy, nothing to do."""

    proceed: bool
    health: Health
    reason: str
    readings: tuple[Reading, ...] = ()


# ---------------------------------------------------------------- Plan
class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds each callback task may take; the ASL reads its timeouts from here.

    ``hold``: how long a runner is held on which nobody decided in time.
    """

    launch_heartbeat: int = 120
    restore: int = 1800
    restore_heartbeat: int = 120
    validate: int = 900
    approve: int = 14400
    promote: int = 600
    serve: int = 31_536_000
    hold: int = 0


class Objectives(msgspec.Struct, frozen=True, kw_only=True):
    """What the app is promised, in seconds: until it is validated (RTO), and of writes that may be lost (RPO)."""

    rto: int
    rpo: int


class Runner(msgspec.Struct, frozen=True, kw_only=True):
    """The ephemeral instance. ``principal`` is the table key that this instance alone may read (role id:instance id)."""

    instance_id: str
    principal: str
    instance_type: str
    zone: str
    rung: int
    launched_at: str
    expires_at: str


class PlanRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where the run's plan is and what it covers. ``hash`` is the sha256 of the bundle's manifest.

    ``rungs``: how many instance types and zones the launch ladder has. ``adopted``: the held runner, when the run starts
    at a later phase than Launch. ``app_version``: of the app's configuration (``relight.drills.version``).
    ``passed_over``: newer backups that could not be taken, and why, the first few.
    """

    uri: str
    hash: str
    backup_uri: str
    backup_id: str
    metadata_sha256: str
    created_at: str
    rungs: int
    deadlines: Deadlines = msgspec.field(default_factory=Deadlines)
    objectives: Objectives | None = None
    adopted: Runner | None = None
    app_version: str = ""
    passed_over: tuple[str, ...] = ()


# ---------------------------------------------------------------- Restore, Validate
class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """An object in S3 that evidence points at."""

    uri: str
    sha256: str


class RestoreOutcome(StrEnum):
    COMPLETE = "COMPLETE"
    PARTIAL = "PARTIAL"


class Restoration(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent restored. ``counts``: objects by fate, as ``relight.recovery.ledger.Fate`` names them.

    ``forecast``: how the plan's prediction of these fates held; ``surprises``: the first objects that came otherwise.
    ``earlier``: what became of what an earlier restore had left on the runner; empty where there was nothing.
    """

    outcome: RestoreOutcome
    ledger: Artifact
    counts: dict[str, int]
    volume_bytes: int
    volume_files: int
    seconds: float
    cluster: str
    hooks: tuple["Check", ...] = ()
    forecast: str = ""
    surprises: tuple[str, ...] = ()
    earlier: str = ""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One validator's verdict. ``detail`` is one line for a person; ``evidence`` is data (log tail, counts, ...)."""

    validator: str
    kind: str
    verdict: Verdict
    detail: str
    seconds: float
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """``verdict`` is PASSED only when every check is PASSED and there is at least one.

    ``evidence_hash`` is what an approval is bound to: plan hash, metadata digest and the checks' document.
    """

    verdict: Verdict
    checks: tuple[Check, ...]
    evidence: Artifact
    evidence_hash: str


# ---------------------------------------------------------------- Approve ... Failback
class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What an approval covers, each document with the digest that it must still have: plan, backup, and what was checked."""

    plan: Artifact
    backup: Artifact
    checks: Artifact


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """One person's approval of one evidence."""

    approver: str
    at: str
    evidence_hash: str
    break_glass: str | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """``approver``: who rejected it, or whose approval was the last one needed. ``approvals``: everyone's until then."""

    decided: Decided
    approver: str
    decided_at: str
    evidence_hash: str
    reason: str = ""
    break_glass: str | None = None
    approvals: tuple[Vote, ...] = ()


class ActionResult(msgspec.Struct, frozen=True, kw_only=True):
    """One promote, freeze or failback action: what it did to what. ``verdict``: of looking at it after; None: nobody did."""

    action: str
    target: str
    done: bool
    detail: str
    verdict: Verdict | None = None


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    promoted_at: str
    actions: tuple[ActionResult, ...]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that a promoted runner took of itself. ``unsure``: what of the app it may lack, and why; empty: nothing."""

    backup_id: str
    uri: str
    created_at: str
    unsure: str = ""


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Short-lived AWS credentials to write an app's backups with: a secret. Given to a runner while it is production."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: str

    def __repr__(self) -> str:
        return f"Keys({self.access_key_id}, until {self.expires_at})"


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """What a promoted runner says of itself. ``taken``: its newest backup; ``trouble``: why the last try made none.

    ``failback``: the steps of a failback that it has tried, in order.
    """

    at: str
    well: bool
    said: str
    taken: Taken | None = None
    trouble: str = ""
    failback: tuple[ActionResult, ...] = ()


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that ends Serve: the promoted site was frozen (or could not be, and why).

    ``taken``: its final backup, verified; None where the runner was gone. ``cycle``: seconds that Failback may wait to see
    the primary publish.
    """

    requested_by: str
    frozen: bool
    detail: str
    at: str
    taken: Taken | None = None
    steps: tuple[ActionResult, ...] = ()
    cycle: int = 0


class HandBack(msgspec.Struct, frozen=True, kw_only=True):
    """``cycle``: whether the primary was seen to publish since; only PASSED means that it was."""

    actions: tuple[ActionResult, ...]
    divergence: tuple[str, ...] = ()
    cycle: Check | None = None


# ---------------------------------------------------------------- Teardown, Report
class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """``left`` lists runners that still live: empty, unless ``held`` (then the one being held, until its expiry).

    ``held_until``: where nobody decided in time and somebody may ask again.
    """

    terminated: tuple[str, ...]
    left: tuple[str, ...]
    lease_released: bool
    undone: tuple[ActionResult, ...] = ()
    held: bool = False
    held_until: str | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    outcome: Outcome
    summary: str
    report_uri: str
    chain_head: str


# ---------------------------------------------------------------- control plane to agent
class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the runner is for. Written before the machine boots, so that it can prefetch."""

    run: Run
    plan: PlanRef
    evidence_prefix: str
    app: dict[str, Any]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One phase handed to the agent. ``token`` is a secret: it is in the table and in memory, nowhere else."""

    phase: str
    token: str
    attempt: int
    deadline_at: str
    heartbeat_seconds: int
    given_at: str
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)


R = TypeVar("R", bound=RunRequest)
LONGEST_TEXT = 4_000


def run_request(raw: Any) -> RunRequest:
    """A person's or a schedule's JSON as a RunRequest, with unknown fields and misfits refused by name."""
    known = set(RunRequest.__struct_fields__)
    if not isinstance(raw, dict) or (unknown := sorted(set(raw) - known)):
        named = ", ".join(unknown) if isinstance(raw, dict) else type(raw).__name__
        raise RequestInvalid("run request", f"unknown field(s) {named}", f"use only {', '.join(sorted(known))}")
    try:
        return bounded(msgspec.convert(raw, RunRequest))
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from None


GIVE = {"mode": "use incident or drill", "app": "name the app", "start_at": "use launch, restore, validate or teardown"}
GIVE |= dict.fromkeys(("run_job", "rehearse_approval", "negative_control", "teardown"), "give true or false")


def _misfit(said: str) -> RequestInvalid:
    """msgspec's words by the field that they are about: "Expected `bool`, got `str` - at `$.teardown`"."""
    problem, _, place = said.partition(" - at ")
    field = place.strip("`$.") or (problem.rpartition("field ")[2].strip("`") if "required field" in problem else "")
    fix = f"{GIVE.get(field, 'give a text')} (docs/operate.md, A run's request)"
    return RequestInvalid(f"run request, {field}" if field else "run request", problem.replace("`", ""), fix)


def bounded(request: R) -> R:
    """The request, if each of its texts is short enough to travel with every payload. Raises RequestInvalid."""
    for name in RunRequest.__struct_fields__:
        if len(str(getattr(request, name) or "")) > LONGEST_TEXT:
            raise RequestInvalid(name, f"is longer than {LONGEST_TEXT} characters", "shorten it")
    return request


class BackupState(StrEnum):
    """What the catalog knows of a backup's bytes. DEFERRED: too large to read there; the next drill reads every byte.
    UNOPENED: no key opens it there now, which says nothing of its bytes; it is tried again each round.
    """

    CHECKING = "checking"
    VALID = "valid"
    INVALID = "invalid"
    UNOPENED = "unopened"
    DEFERRED = "deferred"
    GONE = "gone"


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """How far a backup is proven. ``next_frame``: the first of the state archive that was not read; ``bytes`` as stored.

    ``fingerprint``: of its objects as they were listed. ``findings``: a line each, code first. ``reason``: why this state.
    """

    state: BackupState = BackupState.CHECKING
    fingerprint: str = ""
    bytes: int = 0
    next_frame: int = 0
    reason: str = ""
    findings: tuple[str, ...] = ()


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A backup in the app's catalog. ``proven_by``: the last run that restored it and validated it as PASSED."""

    app: str
    backup_id: str
    uri: str
    created_at: str | None = None
    audit: Audit = Audit()
    checked_at: str | None = None
    proven_by: str | None = None
    proven_at: str | None = None


class PassedDrill(msgspec.Struct, frozen=True, kw_only=True):
    """The last drill that passed: ``began_at``, and on which ``version`` of the app's configuration."""

    run_id: str
    began_at: str
    version: str


class Arming(msgspec.Struct, frozen=True, kw_only=True):
    """Who armed an app, and when. ``proven``: a drill had passed on its configuration as it was then."""

    by: str
    at: str
    proven: bool


class MarkName(StrEnum):
    LAST_VALID = "last-valid"
    LAST_PROVEN = "last-proven"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The backup that ``last-valid`` or ``last-proven`` names."""

    backup_id: str
    uri: str
    created_at: str
    moved_at: str


def encode(value: Any) -> Any:
    """The value as plain JSON types, None fields kept (JSONata needs every field to be there)."""
    return msgspec.to_builtins(value)


def decode(raw: Any, kind: type[T]) -> T:
    """Plain JSON types as a record, types checked; unknown fields are ignored, so that versions may differ.

    Raises msgspec.ValidationError with the path of the first fault.
    """
    return msgspec.convert(raw, kind)


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8; equal values give equal bytes in every process."""
    return msgspec.json.encode(value, order="sorted")


def now() -> str:
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """An RFC 3339 time as an aware datetime in UTC. Raises ValueError, also for a time without a zone."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text}: no time zone")
    return parsed.astimezone(UTC)
