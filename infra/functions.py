"""The functions, as data: what each is given. Rights are in ``infra.grants``."""

from dataclasses import dataclass

from relight.model import Phase

RECORD = ("name", "table", "evidence_bucket")
TOPICS = ("topic", "escalation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """``settings``: fields of ``relight.settings.FunctionSettings`` that it reads. Sizes in MiB, times in seconds.

    ``scheduled``: called without anybody waiting, so that a failure must be kept somewhere.
    """

    does: str
    settings: tuple[str, ...] = RECORD
    memory: int = 512
    timeout: int = 60
    scheduled: bool = False


SPECS: dict[str, Spec] = {
    Phase.DETECT: Spec(does="re-reads the app's health signals"),
    Phase.PLAN: Spec(
        does="takes the lease, verifies the backup, computes the plan",
        settings=(*RECORD, "subnets", "instance_types", "disk_gib", "runner_hold"),
        memory=1024,
        timeout=300,
    ),
    Phase.LAUNCH: Spec(
        does="launches the runner",
        settings=(*RECORD, "launch_template", "subnets", "instance_types", "runner_role_id", "runner_hold"),
    ),
    Phase.RESTORE: Spec(does="hands the agent its restore task"),
    Phase.VALIDATE: Spec(does="hands the agent its validate task"),
    Phase.APPROVE: Spec(does="asks people for a decision", settings=(*RECORD, *TOPICS)),
    Phase.PROMOTE: Spec(does="does the app's promote actions, hands the agent the lifting of quarantine", timeout=110),
    Phase.SERVE: Spec(
        does="makes the runner production, and waits for a failback", settings=(*RECORD, *TOPICS, "keeper_role")
    ),
    Phase.FAILBACK: Spec(
        does="verifies that nothing diverged, takes the promotion back, and looks whether the primary works", timeout=720
    ),
    Phase.TEARDOWN: Spec(does="terminates the runner and proves that none is left", timeout=120),
    Phase.REPORT: Spec(
        does="closes and signs the evidence chain, reports",
        settings=(*RECORD, "signing_key", *TOPICS),
        memory=1024,
        timeout=120,
    ),
    "probe": Spec(does="measures each app's health, each minute", settings=("name", "table"), scheduled=True),
    "arrive": Spec(
        does="makes runs of alarms and schedules, each cause one run",
        settings=("name", "table", "state_machine", *TOPICS),
        scheduled=True,
    ),
    "check": Spec(
        does="tells whether a recovery would work now, without one",
        settings=(*RECORD, "topic", "launch_template", "subnets", "instance_types"),
        memory=1024,
        timeout=180,
        scheduled=True,
    ),
    "console": Spec(does="answers the console API", settings=(*RECORD, "state_machine", *TOPICS), timeout=29),
    "catalog": Spec(
        does="proves each backup byte by byte, and names the last valid and the last proven one",
        settings=("name", "table"),
        memory=1769,  # a whole processor: digests are what takes the time
        timeout=900,
        scheduled=True,
    ),
    "reap": Spec(
        does="ends runners that outlived their expiry, by tag alone", settings=("name",), timeout=120, scheduled=True
    ),
    "tend": Spec(
        does="looks after a runner that is production", settings=("name", "table", *TOPICS, "keeper_role"), scheduled=True
    ),
}
