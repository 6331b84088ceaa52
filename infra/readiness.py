"""Readiness is checked by itself, and its alarm is raised when it falls or falls silent."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from infra.evidence import EvidenceStack
from relight.config import App, Config

EVERY = "rate(12 hours)"
DAY = Duration.days(1)  # holds two checks: one that was lost is no alarm, both are
THRESHOLD = 50  # below it, something failed: see relight.readiness.checks.CAP


def alarm(scope: Construct, config: Config, app: App, evidence: EvidenceStack) -> None:
    metric = cloudwatch.Metric(
        namespace="Relight", metric_name="Ready", dimensions_map={"app": app.name}, statistic="Minimum", period=DAY
    )
    made = cloudwatch.Alarm(
        scope,
        f"{app.name}-ready-alarm",
        alarm_name=f"{config.name}-{app.name}-not-ready",
        alarm_description=f"Relight: a recovery of {app.name} would not work now, or nobody checks: relight check",
        metric=metric,
        threshold=THRESHOLD,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluation_periods=1,
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    )
    made.add_alarm_action(actions.SnsAction(evidence.topic))
