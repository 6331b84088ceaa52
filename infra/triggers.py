"""What starts a recovery: probe and alarm, the alarm's rule, the drill's schedule; and the alarms on Relight itself.

Rule and drill schedule are off until a person arms the app. Probe and reaper run from the first day.
"""

from typing import Any, cast

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import readiness
from infra.evidence import EvidenceStack
from infra.orchestrator import OrchestratorStack
from infra.schedule import expression
from relight.config import App, Config
from relight.model import canonical

DRILL_WINDOW_MINUTES = 15
ATTEMPTS = 3
OWN_ACCOUNT = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}  # no schedule of another account uses our role
EVENT_AGE = Duration.hours(1)  # an older alarm is no news: the next one, or a person, starts the run


class TriggersStack(Stack):
    def __init__(self, scope: Construct, config: Config, evidence: EvidenceStack, orchestrator: OrchestratorStack) -> None:
        super().__init__(
            scope, "triggers", stack_name=f"{config.name}-triggers", description="Relight: what starts a recovery"
        )
        self._config, self._evidence, self._orchestrator = config, evidence, orchestrator
        # By ARN: given the queue itself, each rule would write into the queue's stack and make a circle.
        self._dead_letters = sqs.Queue.from_queue_arn(self, "DeadLetters", orchestrator.dead_letters.queue_arn)
        self._role = self._scheduler_role()
        self._schedule("reap", "rate(15 minutes)", self._function("reap"), {})
        for app in config.apps:
            self._schedule(f"{app.name}-probe", "rate(1 minute)", self._function("probe"), {"app": app.name})
            self._schedule(f"{app.name}-check", readiness.EVERY, self._function("check"), {"app": app.name})
            readiness.alarm(self, config, app, evidence)
            self._drill(app)
            self._rule(app, self._alarm(app))
        self._alarms_on_relight_itself()

    def _function(self, name: str) -> str:
        return self._orchestrator.functions[name].function_arn

    def _scheduler_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "SchedulerRole",
            assumed_by=cast(iam.IPrincipal, iam.ServicePrincipal("scheduler.amazonaws.com", conditions=OWN_ACCOUNT)),
            description="Starts probes, reaping and drills",
        )
        grants = {
            "lambda:InvokeFunction": [self._function(name) for name in ("probe", "reap", "check")],
            "states:StartExecution": [self._orchestrator.state_machine.state_machine_arn],
            "sqs:SendMessage": [self._orchestrator.dead_letters.queue_arn],
        }
        for action, resources in grants.items():
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=resources))
        return role

    def _schedule(self, name: str, when: str, target: str, request: dict[str, Any], **more: Any) -> None:
        given: dict[str, Any] = {"flexibleTimeWindow": {"mode": "OFF"}, "state": "ENABLED", **more}
        scheduler.CfnSchedule(
            self,
            _title(name, "schedule"),
            name=f"{self._config.name}-{name}",
            schedule_expression=when,
            flexible_time_window=given.pop("flexibleTimeWindow"),
            target={
                "arn": target,
                "roleArn": self._role.role_arn,
                "input": canonical(request).decode(),
                "deadLetterConfig": {"arn": self._orchestrator.dead_letters.queue_arn},
                "retryPolicy": {"maximumRetryAttempts": ATTEMPTS, "maximumEventAgeInSeconds": EVENT_AGE.to_seconds()},
            },
            **given,
        ).node.add_dependency(self._role)

    def _drill(self, app: App) -> None:
        name = f"{app.name}-drill"
        self._schedule(
            name,
            expression(app.drill.cron),
            self._orchestrator.state_machine.state_machine_arn,
            {
                "app": app.name,
                "mode": "drill",
                "initiator": f"schedule/{self._config.name}-{name}",
                "reason": "scheduled drill",
            },
            flexibleTimeWindow={"mode": "FLEXIBLE", "maximumWindowInMinutes": DRILL_WINDOW_MINUTES},
            schedule_expression_timezone=app.drill.zone,
            state="DISABLED",
        )

    def _alarm(self, app: App) -> cloudwatch.Alarm:
        """One bad minute is enough: Detect takes its own samples, and a false alarm ends there, as Healthy."""
        metric = cloudwatch.Metric(
            namespace="Relight",
            metric_name="Unhealthy",
            dimensions_map={"app": app.name},  # exactly what the probe emits, or no data point ever matches
            statistic="Maximum",
            period=MINUTE,
        )
        return cloudwatch.Alarm(
            self,
            _title(app.name, "alarm"),
            alarm_name=f"{self._config.name}-{app.name}-unhealthy",
            alarm_description=f"Relight: {app.name} does not look healthy. When armed, this starts a recovery.",
            metric=metric,
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.MISSING,
        )

    def _rule(self, app: App, alarm: cloudwatch.Alarm) -> None:
        rule = events.Rule(
            self,
            _title(app.name, "rule"),
            rule_name=f"{self._config.name}-{app.name}-alarm",
            description=f"Starts a recovery of {app.name} when its alarm fires. Off until armed.",
            enabled=False,
            event_pattern=events.EventPattern(
                source=["aws.cloudwatch"],
                detail_type=["CloudWatch Alarm State Change"],
                resources=[alarm.alarm_arn],
                detail={"state": {"value": ["ALARM"]}},
            ),
        )
        request = {
            "app": app.name,
            "mode": "incident",
            "initiator": f"alarm/{self._config.name}-{app.name}-unhealthy",
            "reason": events.EventField.from_path("$.detail.state.reason"),
        }
        rule.add_target(
            targets.SfnStateMachine(
                self._orchestrator.state_machine,
                input=events.RuleTargetInput.from_object(request),
                dead_letter_queue=self._dead_letters,
                max_event_age=EVENT_AGE,
                retry_attempts=ATTEMPTS,
            )
        )

    def _alarms_on_relight_itself(self) -> None:
        """A guard that died silently is worse than none."""
        queue, machine = self._orchestrator.dead_letters, self._orchestrator.state_machine
        probe, reap = (self._orchestrator.functions[name] for name in ("probe", "reap"))
        more, less = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD, cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        missing = cloudwatch.TreatMissingData
        rows = (
            (
                "dead-letters",
                queue.metric_approximate_number_of_messages_visible(),
                more,
                0,
                missing.IGNORE,
                "something could not be started or failed: look into the queue of that name",
            ),
            (
                "run-failed",
                machine.metric_failed(),
                more,
                0,
                missing.NOT_BREACHING,
                "a run ended as Failed: read its report",
            ),
            (
                "run-stopped",
                machine.metric_aborted(),
                more,
                0,
                missing.NOT_BREACHING,
                "a run was stopped by hand, so it has no report and tore nothing down: relight destroy",
            ),
            (
                "probe-silent",
                probe.metric_invocations(period=QUARTER),
                less,
                1,
                missing.BREACHING,
                "nobody looks at the apps",
            ),
            (
                "reap-silent",
                reap.metric_invocations(period=Duration.hours(1)),
                less,
                1,
                missing.BREACHING,
                "nobody looks for runners that outlived their expiry",
            ),
        )
        for name, metric, operator, threshold, missing_data, says in rows:
            alarm = cloudwatch.Alarm(
                self,
                _title(name, "alarm"),
                alarm_name=f"{self._config.name}-{name}",
                alarm_description=f"Relight: {says}",
                metric=metric,
                comparison_operator=operator,
                threshold=threshold,
                evaluation_periods=1,
                treat_missing_data=missing_data,
            )
            alarm.add_alarm_action(actions.SnsAction(self._evidence.topic))


MINUTE = Duration.minutes(1)
QUARTER = Duration.minutes(15)


def _title(name: str, kind: str) -> str:
    return "".join(part.capitalize() for part in (*name.split("-"), kind))
