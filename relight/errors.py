"""Every error of Relight: one tree, two families.

The class name is the contract: Lambda reports it as ``errorType``, the state machine matches it in Retry and Catch,
the agent sends it with SendTaskFailure, receipts and reports show it. ``code`` is the stable short form for people and
scripts. ``docs/errors.md`` lists each with its meaning and what to do next.
"""

from typing import ClassVar


class RelightError(Exception):
    """Base of the tree. ``str(error)`` says what happened, what it means and what to do next, in one line."""

    code: ClassVar[str] = "R000"


class RetryableError(RelightError):
    """Trying the same step again may succeed; every retry is bounded in the state machine or the adapter."""

    code = "R100"


class FinalError(RelightError):
    """Trying again with the same input cannot succeed."""

    code = "R199"


# ---------------------------------------------------------------- retryable: the world was busy
class Throttled(RetryableError):
    code = "R101"


class ServiceUnavailable(RetryableError):
    """A 5xx, a reset connection or a timeout of a service that normally answers."""

    code = "R102"


class CapacityUnavailable(RetryableError):
    """Every rung of the launch ladder answered that it has no capacity."""

    code = "R103"


class ClusterNotReady(RetryableError):
    code = "R104"


class Conflict(RetryableError):
    """A compare-and-swap lost against a concurrent writer; read again and decide again."""

    code = "R105"


class DrillYielding(RetryableError):
    """An incident asked the drill that holds the app's lease to stop, and waits for its teardown."""

    code = "R106"


class RunnerStillThere(RetryableError):
    """Teardown asked for termination and the runner is not yet on its way out."""

    code = "R107"


class EvidenceWriteFailed(RetryableError):
    code = "R108"


class SourceChanged(RetryableError):
    """A file changed while it was being backed up: its copy would be torn."""

    code = "R109"


# ---------------------------------------------------------------- final: a person's input
class UserError(FinalError):
    """Wrong input by a person: one line that names the input, what is wrong and how to fix it; exit status 2."""

    code = "R200"

    def __init__(self, given: str, problem: str, fix: str) -> None:
        super().__init__(f"{given}: {problem}; {fix}")
        self.given, self.problem, self.fix = given, problem, fix


class ConfigInvalid(UserError):
    """``relight.toml`` is wrong; ``findings`` holds one line for each wrong field, with its path."""

    code = "R201"

    def __init__(self, given: str, findings: list[str], fix: str = "correct the file and run the command again") -> None:
        super().__init__(given, f"{len(findings)} wrong field(s)", fix)
        self.findings = findings


class UnknownApp(UserError):
    code = "R202"


class UriMalformed(UserError):
    code = "R203"


class RunNotFound(UserError):
    code = "R204"


class NotChecked(UserError):
    """Nobody has checked the app's readiness yet."""

    code = "R229"


class DrillNotPassed(UserError):
    """Nothing is armed before a drill has passed on this version of the app's configuration, but by name."""

    code = "R232"


class NotSignedIn(UserError):
    """A page of the console was asked for without a session."""

    code = "R430"


class RoleMissing(UserError):
    """Whoever asks is known, and may not do this."""

    code = "R431"


class LinkSpent(UserError):
    """A sign-in link works once, and for two minutes."""

    code = "R432"


class ForeignRequest(UserError):
    """A POST that is not from one of the console's own pages, or not from this session's."""

    code = "R433"


class PageNotFound(UserError):
    code = "R434"


class SignInRefused(UserError):
    """The issuer did not vouch for whoever signs in, or not for this sign-in."""

    code = "R435"


class ImageNotPinned(UserError):
    """A tag was given where a digest is required."""

    code = "R205"


class ConfirmationMissing(UserError):
    code = "R206"


class NotPermitted(UserError):
    """The caller's own credentials are missing, expired or not allowed to do this."""

    code = "R207"


class PortTaken(UserError):
    code = "R208"


class ApprovalExpired(UserError):
    code = "R209"


class AlreadyDecided(UserError):
    code = "R210"


class SelfApproval(UserError):
    """The initiator of a run may not approve it, unless break-glass is stated with a reason."""

    code = "R211"


class EvidenceDrifted(UserError):
    """The approval names other evidence than the run has now."""

    code = "R212"


class NotAnApprover(UserError):
    """The app names its approvers, and the caller is none of them."""

    code = "R450"


class RunnerGone(UserError):
    """The runner that a decision is about does not live any more."""

    code = "R451"


class NothingToDecide(UserError):
    """The run is not waiting for this decision."""

    code = "R213"


class RequestInvalid(UserError):
    """A run was asked for with fields that do not fit together."""

    code = "R214"


class EngineNotRunning(UserError):
    code = "R215"


class ToolMissing(UserError):
    code = "R216"


class RunInProgress(UserError):
    """The app's lease is held by another run."""

    code = "R217"


class NothingHeld(UserError):
    """``start_at`` names a later phase, but no runner is being held for the app."""

    code = "R218"


class DeploymentNotFound(UserError):
    """No deployment of that name is in the caller's account and region."""

    code = "R219"


class DownloadFailed(UserError):
    """A pinned package or artifact could not be had, or is not what its digest says."""

    code = "R220"


class TemplatesRefused(UserError):
    """AwsSolutions has findings that nobody acknowledged; ``findings`` holds one line for each, with its resource."""

    code = "R221"

    def __init__(self, findings: list[str]) -> None:
        fix = "cure them, or acknowledge each with its reason in infra/checks.py"
        super().__init__("templates", f"{len(findings)} new finding(s) of AwsSolutions", fix)
        self.findings = findings


class BucketUnlockable(UserError):
    """Backups are to be locked, and their bucket has no Object Lock, or no days are given and it has no default."""

    code = "R230"


# ---------------------------------------------------------------- final: the backup
class BackupError(FinalError):
    """The backup breaks its contract; the message names the object and, where there is one, the member."""

    code = "R300"

    def __init__(self, where: str, problem: str = "", fix: str = "") -> None:
        super().__init__("; ".join(filter(None, [f"{where}: {problem}" if problem else where, fix])))
        self.where, self.problem, self.fix = where, problem, fix


class BackupNotFound(BackupError):
    code = "R301"


class BackupUncommitted(BackupError):
    """Artifacts are there but metadata.json is not: the backup was never finished."""

    code = "R302"


class MetadataMalformed(BackupError):
    code = "R303"


class ArtifactMissing(BackupError):
    code = "R304"


class SizeMismatch(BackupError):
    code = "R305"


class DigestMismatch(BackupError):
    code = "R306"


class ArchiveMalformed(BackupError):
    """Not a zstd stream, or not a tar inside."""

    code = "R307"


class ArchiveTruncated(BackupError):
    code = "R308"


class ArchiveTrailingGarbage(BackupError):
    code = "R309"


class ArchiveEscape(BackupError):
    """A member's name leaves the target: absolute, ``..`` or empty."""

    code = "R310"


class ArchiveLinkEscape(BackupError):
    """A link points out of the target."""

    code = "R311"


class ArchiveSpecialFile(BackupError):
    """A device, FIFO or socket."""

    code = "R312"


class ArchiveTypeChange(BackupError):
    """A path occurs twice with different types."""

    code = "R313"


class ArchiveTooLarge(BackupError):
    """More bytes or files than declared or configured: a bomb, or a lie."""

    code = "R314"


class ManifestMalformed(BackupError):
    code = "R315"


class BackupExists(BackupError):
    """A backup is written once; this id is committed, or holds what another writer or another state left."""

    code = "R316"


class NoUsableBackup(BackupError):
    """None of the app's backups passes its contract."""

    code = "R317"


class BackupInvalid(BackupError):
    """The catalog read the backup byte by byte and found it damaged."""

    code = "R390"


class BackupTooOld(BackupError):
    """The newest usable backup is older than the app's RPO allows a drill to accept."""

    code = "R318"


class KmsKeyUnusable(BackupError):
    """The KMS key that an object is encrypted with is disabled, deleted, or denied to the caller."""

    code = "R330"


class SealBroken(BackupError):
    """A sealed backup, or its metadata, is not what was sealed."""

    code = "R331"


class KeyUnusable(BackupError):
    """No recipient's key opens this sealed backup for the caller: disabled, to be deleted, denied, or another one."""

    code = "R332"


# ---------------------------------------------------------------- final: the run
class RunError(FinalError):
    code = "R400"


class LeaseLost(RunError):
    """Another run took the app's lease, or ours expired: this run may no longer act."""

    code = "R401"


class LeaseHeld(RunError):
    """Another run holds the app's lease and does not yield to this one."""

    code = "R402"


class Preempted(RunError):
    """A drill gave way to an incident."""

    code = "R403"


class PreflightFailed(RunError):
    code = "R404"


class RunnerLost(RunError):
    """The runner died or went silent while a phase was at work on it."""

    code = "R405"


class RestoreFailed(RunError):
    code = "R406"


class PlanDrifted(RunError):
    """What is about to be done is not what the plan's hash covers."""

    code = "R407"


class NotProven(RunError):
    """Promotion was asked for without a PASSED validation and an approval bound to that evidence."""

    code = "R408"


class PointerMoved(RunError):
    """A pointer is not what this run left or expected: somebody else moved it."""

    code = "R409"


class Diverged(RunError):
    """The primary published while the runner was serving; handing back would lose one of the two."""

    code = "R410"


class TaskTimedOut(RunError):
    """A task of the agent ran into its own deadline."""

    code = "R411"


class EvidenceBroken(RunError):
    """A receipt, the chain or its signature does not verify."""

    code = "R412"


class AccessDenied(RunError):
    """AWS refused a call of a function or of the agent: a grant is missing in the template."""

    code = "R413"


class ObjectNotFound(RunError):
    """An object that must exist in S3 does not."""

    code = "R414"


class ClusterRefused(RunError):
    """The Kubernetes API refused an object for good (4xx other than conflict or throttling)."""

    code = "R415"


class TaskGone(RunError):
    """The state machine no longer waits for this task token: it was answered, timed out, or its run ended."""

    code = "R416"


class AwsRefused(RunError):
    """AWS refused a request for good, for another reason than permissions."""

    code = "R417"


class PromotionFailed(RunError):
    """Quarantine could not be lifted from every object: the app would act on production in part only."""

    code = "R418"


class HookFailed(RunError):
    """A hook of the app's own, around a backup or after a restore, did not end well."""

    code = "R419"


class RegistryNotAsked(FinalError):
    """An image's registry, or where that leads, is no public name over HTTPS: no backup chooses whom we connect to."""

    code = "R421"


class NotQuiet(RunError):
    """Something still writes to the app's claims: a backup made now would be torn."""

    code = "R420"


class ActionMoved(RunError):
    """What a promote action changes is not what this run expected or left: somebody else changed it."""

    code = "R470"


class AlreadyPromoted(RunError):
    """Another run's runner is production for this app, and lives."""

    code = "R471"


class ActionFailed(RunError):
    """A promote action could not be done, or was done and is not to be seen."""

    code = "R472"


class BackupNotTaken(RunError):
    """A promoted runner could not back its app up."""

    code = "R485"


class PrimaryNotReady(UserError):
    """The primary, as the operator's own machine sees it, cannot take production back, or be restored onto."""

    code = "R487"


class FailbackStopped(RunError):
    """A step of a failback did not come to its end: nothing was handed back; asked again, it goes on with that step."""

    code = "R486"


# ---------------------------------------------------------------- final: the embedded engine
class EngineMismatch(FinalError):
    """The installed MiniStack is not the one that the embedded engine was written for; the message names each difference."""

    code = "R501"


class EngineFailed(FinalError):
    """A process of the embedded engine ended or was not ready in time; the message names its log."""

    code = "R502"


class DeployFailed(FinalError):
    """A stack of the cloud assembly could not be created; the message names the resource and AWS's reason."""

    code = "R503"


class DemoFailed(FinalError):
    """A step of ``relight demo`` did not come to its end in time; the message names it."""

    code = "R504"
