"""The outside world as a health signal sees it: a bounded HTTP request, CloudWatch, AWS Backup."""

from dataclasses import dataclass
from datetime import datetime

from urllib3 import PoolManager, Retry
from urllib3.exceptions import HTTPError

from relight.adapters.calls import call
from relight.config import Signal
from relight.errors import ServiceUnavailable

NO_RETRIES = Retry(total=0, redirect=3, raise_on_redirect=True)
UNFINISHED = {"CREATED", "PENDING", "RUNNING", "ABORTING"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmState:
    """``state``: OK, ALARM or INSUFFICIENT_DATA; ``since``: when it last became so."""

    state: str
    since: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupJob:
    state: str
    created: datetime
    why: str = ""

    @property
    def over(self) -> bool:
        return self.state not in UNFINISHED


def http_status(url: str, timeout: float) -> int:
    """The status of a GET within ``timeout`` seconds. Raises ServiceUnavailable when nothing answers in time."""
    try:
        answer = PoolManager(retries=NO_RETRIES, timeout=timeout).request("GET", url, preload_content=False)
        answer.release_conn()
        return int(answer.status)
    except HTTPError as error:
        raise ServiceUnavailable(f"GET {url}: no answer within {timeout:g} s ({type(error).__name__})") from None


def alarm(name: str, kinds: tuple[str, ...] = ("MetricAlarm", "CompositeAlarm")) -> AlarmState | None:
    """None where there is no such alarm. Composite alarms are shown only to who may see all of them."""
    found = call("cloudwatch", "describe_alarms", AlarmNames=[name], AlarmTypes=list(kinds))
    for row in (*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())):
        since = row.get("StateTransitionedTimestamp") or row["StateUpdatedTimestamp"]
        return AlarmState(state=row["StateValue"], since=since, reason=row.get("StateReason", ""))
    return None


def metric(signal: Signal, start: datetime, end: datetime) -> dict[datetime, float]:
    """The signal's statistic of each period that has data, by the period's start."""
    answer = call(
        "cloudwatch",
        "get_metric_statistics",
        Namespace=signal.namespace,
        MetricName=signal.metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in signal.dimensions.items()],
        Statistics=[signal.statistic],
        Period=signal.period,
        StartTime=start,
        EndTime=end,
    )
    return {row["Timestamp"]: float(row[signal.statistic]) for row in answer["Datapoints"]}


def backup_jobs(resource: str | None, vault: str | None) -> list[BackupJob]:
    """AWS Backup's jobs of a resource (ARN), in a vault, or both; it keeps them for 30 days."""
    named = {"ByResourceArn": resource, "ByBackupVaultName": vault}
    request = {key: value for key, value in named.items() if value}
    found: list[BackupJob] = []
    while True:
        answer = call("backup", "list_backup_jobs", **request)
        for row in answer["BackupJobs"]:
            found.append(BackupJob(state=row["State"], created=row["CreationDate"], why=row.get("StatusMessage") or ""))
        if not answer.get("NextToken"):
            return found
        request["NextToken"] = answer["NextToken"]
