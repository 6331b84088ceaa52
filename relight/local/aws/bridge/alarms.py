"""CloudWatch alarms: M of N periods of exactly the alarm's dimensions, missing data, and the state-change event."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch, uses
from relight.local.aws.bridge.letters import depth

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
_TRANSITION = threading.Lock()  # requests, functions and the ticking thread evaluate; each transition is told once
TICK = 1.0  # seconds between two evaluations of all alarms: data that stops coming is also news

uses(
    "services.cloudwatch",
    _metrics=None,
    _alarms=None,
    _calc_stats="points",
    _stat_value="stats stat_name points",
    _record_history="alarm_name old_state new_state reason alarm_type reason_data",
    _evaluate_parent_alarms="child seen",
    _dims_key="dims",
    _evaluate_all_alarms="",
)
uses("services.eventbridge", _put_events="data allow_aws_source")


@patch("services.cloudwatch", "_evaluate_alarm", "alarm")
def evaluate(_original: Callable[..., Any], alarm: dict[str, Any]) -> None:
    from ministack.services import cloudwatch

    compare = COMPARISONS.get(alarm.get("ComparisonOperator", ""))
    if not alarm.get("MetricName") or compare is None:
        return
    born = alarm.setdefault("_relight_born", time.time())
    periods = _periods(alarm)
    breaching = [value is not None and compare(value, alarm.get("Threshold", 0)) for value in periods]
    new, why = judge(alarm, [None if value is None else bad for value, bad in zip(periods, breaching, strict=True)], born)
    reason = f"{why}: {alarm['MetricName']} {[v for v in periods if v is not None]} against {alarm.get('Threshold', 0)}"
    with _TRANSITION:
        old = alarm["StateValue"]
        if new in (old, None):
            return
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def judge(alarm: dict[str, Any], periods: list[bool | None], born: float) -> tuple[str | None, str]:
    """The state for the last N periods (newest first; None: no data), or None for "stay", and a reason."""
    wanted = int(alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods") or 1)
    missing = str(alarm.get("TreatMissingData") or "missing")
    seen = [bad for bad in periods if bad is not None]
    young = time.time() - born < len(periods) * int(alarm.get("Period") or 60)
    if not seen and (young or missing == "ignore"):
        return None, ""
    if not seen and missing == "missing":
        return "INSUFFICIENT_DATA", "no data"
    filled = sum(seen) + (len(periods) - len(seen) if missing == "breaching" and not young else 0)
    return ("ALARM", "Threshold crossed") if filled >= wanted else ("OK", "Threshold not crossed")


def _periods(alarm: dict[str, Any]) -> list[float | None]:
    """The metric's statistic in each of the last N periods, newest first."""
    from ministack.services import cloudwatch

    dimensions = {row["Name"]: str(row["Value"]) for row in alarm.get("Dimensions") or []}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    points = list(cloudwatch._metrics.get(key) or [])
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    period, now = int(alarm.get("Period") or 60), time.time()
    values: list[float | None] = []
    for n in range(int(alarm.get("EvaluationPeriods") or 1)):
        inside = [p for p in points if now - (n + 1) * period < p["Timestamp"] <= now + 1 - n * period]
        values.append(cloudwatch._stat_value(cloudwatch._calc_stats(inside), statistic, inside) if inside else None)
    return _told_by_sqs(alarm, dimensions) or values


def _told_by_sqs(alarm: dict[str, Any], dimensions: dict[str, str]) -> list[float | None]:
    """MiniStack keeps no metrics of queues: what one holds now counts for the newest period."""
    if (alarm["Namespace"], alarm["MetricName"]) != ("AWS/SQS", "ApproximateNumberOfMessagesVisible"):
        return []
    return [depth(dimensions["QueueName"])] + [None] * (int(alarm.get("EvaluationPeriods") or 1) - 1)


@patch("services.cloudwatch", "_dispatch_alarm_actions", "alarm old_state new_state reason")
def publish_state_change(original: Callable[..., Any], alarm: dict[str, Any], old: str, new: str, reason: str) -> Any:
    """Every transition is an event on the default bus, whether or not the alarm's own actions are enabled."""
    from ministack.services import eventbridge

    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [alarm.get("AlarmArn", "")],
        "Detail": json.dumps(_detail(alarm, old, new, reason)),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    return original(alarm, old, new, reason)


def _detail(alarm: dict[str, Any], old: str, new: str, reason: str) -> dict[str, Any]:
    dimensions = {row["Name"]: row["Value"] for row in alarm.get("Dimensions") or []}
    metric = {"namespace": alarm.get("Namespace"), "name": alarm.get("MetricName"), "dimensions": dimensions}
    stat = {"metric": metric, "period": alarm.get("Period"), "stat": alarm.get("Statistic")}
    return {
        "alarmName": alarm.get("AlarmName"),
        "state": {"value": new, "reason": reason, "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())},
        "previousState": {"value": old},
        "configuration": {
            "description": alarm.get("AlarmDescription", ""),
            "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}],
        },
    }


def keep_evaluating() -> None:
    """Starts the thread that looks at all alarms every TICK seconds, for the life of the process."""
    from ministack.services import cloudwatch

    def look() -> None:
        while True:
            time.sleep(TICK)
            cloudwatch._evaluate_all_alarms()

    threading.Thread(target=look, daemon=True, name="alarms").start()
