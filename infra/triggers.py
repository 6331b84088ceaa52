"""What starts a recovery: probe and alarm, the alarm's rule, the watch, the drill's schedule; all by way of Arrive.

Rule, watch and drill schedule are off until a person arms the app. Probe and reaper run from the first day.
"""

from typing import Any, cast

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import alarms, readiness
from infra.alarms import title
from infra.backups import ROUND, committed
from infra.evidence import EvidenceStack
from infra.orchestrator import OrchestratorStack
from infra.schedule import expression
from relight.config import App, Config
from relight.model import canonical

DRILL_WINDOW_MINUTES = 15
ATTEMPTS = 3
CALLED = ("probe", "reap", "check", "catalog", "arrive", "tend")  # by schedules
OWN_ACCOUNT = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}  # no schedule of another account uses our role
EVENT_AGE = Duration.hours(1)  # an older event is no news: Arrive starts nothing for it, and the watch sees what stays
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"  # Scheduler puts it in: the same in every delivery of one due time


class TriggersStack(Stack):
    def __init__(self, scope: Construct, config: Config, evidence: EvidenceStack, orchestrator: OrchestratorStack) -> None:
        super().__init__(
            scope, "triggers", stack_name=f"{config.name}-triggers", description="Relight: what starts a recovery"
        )
        self._config, self._orchestrator = config, orchestrator
        # By ARN: given queue and function themselves, each rule would write into their stack and make a circle.
        self._dead_letters = sqs.Queue.from_queue_arn(self, "DeadLetters", orchestrator.dead_letters.queue_arn)
        self._targets = {name: self._target(name) for name in ("arrive", "catalog")}
        self._role = self._scheduler_role()
        self._schedule("reap", "rate(15 minutes)", self._function("reap"), {})
        self._alarms = alarms.make(self, config, orchestrator, evidence.topic)
        for app in config.apps:
            self._schedule(f"{app.name}-probe", "rate(1 minute)", self._function("probe"), {"app": app.name})
            self._schedule(f"{app.name}-check", readiness.EVERY, self._function("check"), {"app": app.name})
            self._schedule(f"{app.name}-tend", "rate(5 minutes)", self._function("tend"), {"app": app.name})
            readiness.alarm(self, config, app, evidence)
            self._schedule(f"{app.name}-catalog", ROUND, self._function("catalog"), {"app": app.name})
            self._rule(f"{app.name}-backup", f"A backup of {app.name} is there: it is proven.", committed(app), to="catalog")
            self._drill(app)
            self._watch(app)
            self._rounds(app)
            self._alarm_rules(app)
        self._health_rule()

    def _function(self, name: str) -> str:
        return self._orchestrator.functions[name].function_arn

    def _target(self, name: str) -> functions.IFunction:
        return functions.Function.from_function_attributes(
            self, name.capitalize(), function_arn=self._function(name), same_environment=True
        )

    def _scheduler_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "SchedulerRole",
            assumed_by=cast(iam.IPrincipal, iam.ServicePrincipal("scheduler.amazonaws.com", conditions=OWN_ACCOUNT)),
            description="Starts probes, reaping, watches and drills",
        )
        grants = {
            "lambda:InvokeFunction": [self._function(name) for name in CALLED],
            "sqs:SendMessage": [self._orchestrator.dead_letters.queue_arn],
        }
        for action, resources in grants.items():
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=resources))
        return role

    # ------------------------------------------------------------ schedules
    def _schedule(self, name: str, when: str, target: str, request: dict[str, Any], **more: Any) -> None:
        given: dict[str, Any] = {"flexibleTimeWindow": {"mode": "OFF"}, "state": "ENABLED", **more}
        scheduler.CfnSchedule(
            self,
            title(name, "schedule"),
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
        self._schedule(
            f"{app.name}-drill",
            expression(app.drill.cron),
            self._function("arrive"),
            {"trigger": "drill", "app": app.name, "at": SCHEDULED_TIME, "backup": app.drill.backup},
            flexibleTimeWindow={"mode": "FLEXIBLE", "maximumWindowInMinutes": DRILL_WINDOW_MINUTES},
            schedule_expression_timezone=app.drill.zone,
            state="DISABLED",
        )

    def _watch(self, app: App) -> None:
        """An alarm tells its change once. That it stays, and nobody is at it, somebody has to look for."""
        request = {"trigger": "watch", "app": app.name, "at": SCHEDULED_TIME}
        self._schedule(f"{app.name}-watch", "rate(5 minutes)", self._function("arrive"), request, state="DISABLED")

    def _rounds(self, app: App) -> None:
        """Whoever was asked for a decision hears again before its window closes, armed or not: people start runs too."""
        request = {"trigger": "remind", "app": app.name, "at": SCHEDULED_TIME}
        self._schedule(f"{app.name}-remind", "rate(5 minutes)", self._function("arrive"), request)

    # ------------------------------------------------------------ rules
    def _alarm_rules(self, app: App) -> None:
        self._rule(
            f"{app.name}-alarm",
            f"Starts a recovery of {app.name} when its alarm fires. Off until armed.",
            self._changes(f"{app.name}-unhealthy", "ALARM"),
            enabled=False,
        )
        self._rule(
            f"{app.name}-recovered",
            f"Whoever decides on a run hears whether {app.name} is healthy again. Starts nothing.",
            self._changes(f"{app.name}-recovered", "OK", "ALARM"),
        )

    def _changes(self, alarm: str, *states: str) -> events.EventPattern:
        return events.EventPattern(
            source=["aws.cloudwatch"],
            detail_type=["CloudWatch Alarm State Change"],
            resources=[self._alarms[alarm].alarm_arn],
            detail={"state": {"value": list(states)}},
        )

    def _health_rule(self) -> None:
        signals = [signal for app in self._config.apps for signal in app.signals if signal.kind == "aws_health"]
        services = sorted({service for signal in signals for service in signal.services})
        if services:
            pattern = events.EventPattern(
                source=["aws.health"],
                detail_type=["AWS Health Event"],
                detail={"eventTypeCategory": ["issue"], "service": services},
            )
            self._rule("aws-health", "Keeps AWS Health's events for the signals that ask for them.", pattern)

    def _rule(self, name: str, does: str, pattern: events.EventPattern, enabled: bool = True, to: str = "arrive") -> None:
        rule = events.Rule(
            self,
            title(name, "rule"),
            rule_name=f"{self._config.name}-{name}",
            description=does,
            enabled=enabled,
            event_pattern=pattern,
        )
        rule.add_target(
            targets.LambdaFunction(
                self._targets[to], dead_letter_queue=self._dead_letters, max_event_age=EVENT_AGE, retry_attempts=ATTEMPTS
            )
        )
