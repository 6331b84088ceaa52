"""The alarms: of each app (unhealthy, recovered, nobody looks), and of Relight itself, since a guard that died silently is
worse than none."""

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.orchestrator import OrchestratorStack
from relight.config import App, Config

MORE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
LESS = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
MISSING = cloudwatch.TreatMissingData
MINUTE, QUARTER, HOUR = Duration.minutes(1), Duration.minutes(15), Duration.hours(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``over`` or ``under`` (the threshold) in ``points`` of the last ``of`` periods of the metric. ``tell`` people."""

    name: str
    metric: cloudwatch.IMetric
    says: str
    over: float | None = None
    under: float | None = None
    points: int = 1
    of: int = 1
    missing: cloudwatch.TreatMissingData = MISSING.NOT_BREACHING
    tell: bool = True


def title(name: str, kind: str) -> str:
    return "".join(part.capitalize() for part in (*name.split("-"), kind))


def make(
    scope: Construct, config: Config, orchestrator: OrchestratorStack, topic: sns.ITopic
) -> dict[str, cloudwatch.Alarm]:
    """Every alarm, by its name without the deployment's."""
    rows = [*(row for app in config.apps for row in of_app(app)), *of_relight(orchestrator)]
    return {row.name: _alarm(scope, config, row, topic) for row in rows}


def of_app(app: App) -> Iterator[Row]:
    """The probe says each minute how the app is. Missing data is a fault of the probe and never one of the app."""
    decides = app.alarm
    yield Row(
        name=f"{app.name}-unhealthy",
        metric=_probed(app, "Unhealthy", "Maximum", MINUTE),
        says=f"{app.name} does not look healthy. When armed, this starts a recovery",
        over=0,
        points=decides.unhealthy,
        of=decides.of,
        missing=MISSING.MISSING,
        tell=False,
    )
    yield Row(
        name=f"{app.name}-recovered",
        metric=_probed(app, "Healthy", "Minimum", MINUTE),
        says=f"OK: {app.name} was healthy in {decides.recovered} of the last {decides.recovered_of} minutes; else not yet",
        under=1,
        points=decides.recovered_of - decides.recovered + 1,  # so many that were not leave too few that were
        of=decides.recovered_of,
        missing=MISSING.BREACHING,
        tell=False,
    )
    yield Row(
        name=f"{app.name}-probe-silent",
        metric=_probed(app, "Probed", "Sum", QUARTER),
        says=f"nobody looks at {app.name}: read the probe's log",
        under=1,
        missing=MISSING.BREACHING,
    )
    # Told once an hour and when it changes: what was told last counts until it is told otherwise.
    yield Row(
        name=f"{app.name}-backup-invalid",
        metric=_probed(app, "NewestBackupInvalid", "Maximum", MINUTE),
        says=f"the newest backup of {app.name} is damaged, so a recovery now would take an older one: relight backups",
        over=0,
        missing=MISSING.IGNORE,
    )
    yield Row(
        name=f"{app.name}-production-unwell",
        metric=_probed(app, "ProductionUnwell", "Maximum", QUARTER),
        says=f"{app.name} runs on a promoted runner, and that is not well: read the message of tend, or relight status",
        over=0,
    )
    yield Row(
        name=f"{app.name}-drill-overdue",
        metric=_probed(app, "DrillOverdue", "Maximum", MINUTE),
        says=f"a drill of {app.name} was due and none has passed since: relight runs says why; then relight drill",
        over=0,
        missing=MISSING.IGNORE,
    )

    yield Row(
        name=f"{app.name}-unproven",
        metric=_probed(app, "ArmedUnproven", "Maximum", MINUTE),
        says=f"{app.name} is armed, and no drill has passed on its present configuration: relight drill, or relight disarm",
        over=0,
        missing=MISSING.IGNORE,
    )


def _probed(app: App, name: str, statistic: str, period: Duration) -> cloudwatch.Metric:
    dimensions = {"app": app.name}  # exactly what the probe emits, or no data point ever matches
    return cloudwatch.Metric(
        namespace="Relight", metric_name=name, dimensions_map=dimensions, statistic=statistic, period=period
    )


def of_relight(orchestrator: OrchestratorStack) -> Iterator[Row]:
    queue, machine = orchestrator.dead_letters, orchestrator.state_machine
    yield Row(
        name="dead-letters",
        metric=queue.metric_approximate_number_of_messages_visible(),
        says="something could not be started or failed: look into the queue of that name",
        over=0,
        missing=MISSING.IGNORE,
    )
    yield Row(name="run-failed", metric=machine.metric_failed(), says="a run ended as Failed: read its report", over=0)
    yield Row(
        name="run-stopped",
        metric=machine.metric_aborted(),
        says="a run was stopped by hand, so it has no report and tore nothing down: relight destroy",
        over=0,
    )
    yield Row(
        name="reap-silent",
        metric=orchestrator.functions["reap"].metric_invocations(period=HOUR),
        says="nobody looks for runners that outlived their expiry",
        under=1,
        missing=MISSING.BREACHING,
    )
    yield Row(
        name="tend-silent",
        metric=orchestrator.functions["tend"].metric_invocations(period=HOUR),
        says="nobody looks after production on a runner: its lease ends three days after it was last renewed",
        under=1,
        missing=MISSING.BREACHING,
    )
    yield Row(
        name="catalog-silent",
        metric=orchestrator.functions["catalog"].metric_invocations(period=Duration.hours(3)),
        says="nobody looks whether the backups are good",
        under=1,
        missing=MISSING.BREACHING,
    )


def _alarm(scope: Construct, config: Config, row: Row, topic: sns.ITopic) -> cloudwatch.Alarm:
    alarm = cloudwatch.Alarm(
        scope,
        title(row.name, "alarm"),
        alarm_name=f"{config.name}-{row.name}",
        alarm_description=f"Relight: {row.says}",
        metric=row.metric,
        comparison_operator=LESS if row.under is not None else MORE,
        threshold=row.under if row.under is not None else row.over or 0,
        datapoints_to_alarm=row.points,
        evaluation_periods=row.of,
        treat_missing_data=row.missing,
    )
    if row.tell:
        alarm.add_alarm_action(actions.SnsAction(topic))
    return alarm
