"""What runs a recovery: a function a phase, the state machine, the console API, and the parameters that name them."""

from pathlib import Path
from typing import Any, cast

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as stepfunctions
from aws_cdk.aws_apigatewayv2_authorizers import HttpIamAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra import keeper, needs
from infra.arns import keeper_arn, network_arns, state_machine_arn
from infra.definition import definition, substitutions
from infra.evidence import EvidenceStack
from infra.functions import SPECS, Spec
from infra.grants import FUNCTIONS, statements
from infra.resources import Resources
from infra.runner import RunnerStack
from relight.config import App, Config
from relight.errors import ConfigInvalid
from relight.model import canonical, encode
from relight.roles import API, DEFAULT, PAGES

KEPT = logs.RetentionDays.THREE_MONTHS
PARAMETER_LIMIT = 8192  # bytes, of the advanced tier
# Who called what, and how it ended; never a body.
ACCESS_LOG = (
    "requestId", "requestTime", "routeKey", "status", "identity.userArn", "identity.sourceIp", "integrationErrorMessage"
)  # fmt: skip


class OrchestratorStack(Stack):
    def __init__(
        self,
        scope: Construct,
        config: Config,
        evidence: EvidenceStack,
        runner: RunnerStack,
        bundle: Path,
        definition_file: Path,
    ) -> None:
        super().__init__(
            scope, "orchestrator", stack_name=f"{config.name}-orchestrator", description="Relight: what runs a recovery"
        )
        self._config = config
        self._code = functions.Code.from_asset(str(bundle))
        self._settings = _settings(config, evidence, runner)
        self._resources = Resources(
            config=config,
            table=evidence.table.table_arn,
            evidence=evidence.bucket.bucket_arn,
            artifacts=runner.artifacts,
            launch_template=f"arn:{Aws.PARTITION}:ec2:{Aws.REGION}:{Aws.ACCOUNT_ID}:launch-template/{_id(runner)}",
            network=network_arns(runner.subnets, runner.security_group.security_group_id),
            runner_role=runner.role.role_arn,
            topic=evidence.topic.topic_arn,
            escalation=evidence.escalation.topic_arn,
            signing_key=evidence.key.key_arn,
        )
        self.dead_letters = self._dead_letters()
        self.functions = {name: self._function(name, spec) for name, spec in SPECS.items()}
        keeper.role(self, config, [self.functions["serve"], self.functions["tend"]], self._resources)
        self.state_machine = self._state_machine(definition_file)
        needs.of_functions(self, config, self.functions, self.state_machine.role, self._resources)
        self.api = self._console_api()
        self._parameters(evidence)

    def _function(self, name: str, spec: Spec) -> functions.Function:
        title = name.capitalize()
        full_name = f"{self._config.name}-{name}"
        group = logs.LogGroup(
            self,
            f"{title}Log",
            log_group_name=f"/aws/lambda/{full_name}",
            retention=KEPT,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            f"{title}Role",
            assumed_by=cast(iam.IPrincipal, iam.ServicePrincipal("lambda.amazonaws.com")),
            description=spec.does,
        )
        group.grant_write(role)
        for statement in statements(FUNCTIONS[name], self._resources):
            role.add_to_policy(statement)
        return functions.Function(
            self,
            title,
            function_name=full_name,
            description=f"Relight {name}: {spec.does}",
            runtime=functions.Runtime.PYTHON_3_13,
            architecture=functions.Architecture.ARM_64,
            handler=f"lambdas.{name}.handler.handler",
            code=self._code,
            role=cast(iam.IRole, role),
            memory_size=spec.memory,
            timeout=Duration.seconds(spec.timeout),
            tracing=functions.Tracing.ACTIVE,
            log_group=group,
            environment=self._environment(name, spec),
            dead_letter_queue=self.dead_letters if spec.scheduled else None,
        )

    def _environment(self, name: str, spec: Spec) -> dict[str, str]:
        values = {f"RELIGHT_{field.upper()}": self._settings[field] for field in spec.settings}
        return {**values, "POWERTOOLS_SERVICE_NAME": name}

    def _dead_letters(self) -> sqs.Queue:
        """Whatever could not be started or failed with nobody waiting: alarms, drills, probes, reaping."""
        queue = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"{self._config.name}-dead-letters",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
        )
        rules = f"arn:{Aws.PARTITION}:events:{Aws.REGION}:{Aws.ACCOUNT_ID}:rule/{self._config.name}-*"
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OwnRulesMaySend",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={"ArnLike": {"aws:SourceArn": rules}},
            )
        )
        return queue

    def _state_machine(self, definition_file: Path) -> stepfunctions.StateMachine:
        given = substitutions({name: one.function_arn for name, one in self.functions.items()})
        name = f"{self._config.name}-recovery"
        group = logs.LogGroup(
            self,
            "RecoveryLog",
            log_group_name=f"/aws/vendedlogs/states/{name}",
            retention=KEPT,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # Execution data holds task tokens, and whoever reads a token can approve: it stays out of the log.
        log = stepfunctions.LogOptions(destination=group, level=stepfunctions.LogLevel.ALL, include_execution_data=False)
        machine = stepfunctions.StateMachine(
            self,
            "Recovery",
            state_machine_name=name,
            state_machine_type=stepfunctions.StateMachineType.STANDARD,
            definition_body=stepfunctions.DefinitionBody.from_string(definition(given, definition_file)),
            definition_substitutions=given,
            logs=log,
            tracing_enabled=True,
        )
        machine.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=list(given.values())))
        return machine

    def _console_api(self) -> apigateway.HttpApi:
        integration = HttpLambdaIntegration("Console", self.functions["console"], scope_permission_to_route=False)
        api = apigateway.HttpApi(
            self,
            "ConsoleApi",
            api_name=f"{self._config.name}-console",
            create_default_stage=False,
            default_integration=integration,  # whatever has no route is answered by us, with our headers
        )
        for routes, authorizer in ((API, HttpIamAuthorizer()), (PAGES, apigateway.HttpNoneAuthorizer())):
            for method, path in (key.split() for key in routes if key != DEFAULT):
                verbs = [apigateway.HttpMethod[method]]
                api.add_routes(path=path, methods=verbs, integration=integration, authorizer=authorizer)
        group = logs.LogGroup(
            self,
            "ConsoleApiLog",
            log_group_name=f"/aws/vendedlogs/{self._config.name}-console-api",
            retention=KEPT,
            removal_policy=RemovalPolicy.DESTROY,
        )
        fields = {field.split(".")[-1]: f"$context.{field}" for field in ACCESS_LOG}
        apigateway.CfnStage(
            self,
            "ConsoleApiStage",
            api_id=api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings={"throttlingBurstLimit": 20, "throttlingRateLimit": 10},
            access_log_settings={"destinationArn": group.log_group_arn, "format": canonical(fields).decode()},
        )
        return api

    def _parameters(self, evidence: EvidenceStack) -> None:
        deployment = {
            "api": self.api.api_endpoint,
            "state_machine": self.state_machine.state_machine_arn,
            "table": evidence.table.table_name,
            "evidence_bucket": evidence.bucket.bucket_name,
            "region": Aws.REGION,
            "signing_key": evidence.key.key_arn,
        }
        self._parameter("Deployment", "deployment", self.to_json_string(deployment))
        self._parameter("ConsoleRoles", "console", canonical(encode(self._config.console)).decode())
        for app in self._config.apps:
            self._parameter(f"App{app.name}", f"apps/{app.name}", stored(app))

    def _parameter(self, title: str, name: str, value: str) -> None:
        tier = ssm.ParameterTier.INTELLIGENT_TIERING  # above 4 KiB AWS wants the advanced tier; below, it costs nothing
        full_name = f"/{self._config.name}/{name}"
        ssm.StringParameter(self, title, parameter_name=full_name, string_value=value, tier=tier)


def stored(app: App) -> str:
    """The app's configuration as its parameter holds it. Raises ConfigInvalid when it is more than a parameter can hold."""
    value = canonical(encode(app))
    if len(value) > PARAMETER_LIMIT:
        says = f"apps.{app.name}: {len(value)} bytes as a parameter, of at most {PARAMETER_LIMIT}; split it into two apps"
        raise ConfigInvalid("relight.toml", [says])
    return value.decode()


def _id(runner: RunnerStack) -> str:
    return cast(str, runner.launch_template.launch_template_id)


def _settings(config: Config, evidence: EvidenceStack, runner: RunnerStack) -> dict[str, Any]:
    """A value for each field of ``relight.settings.FunctionSettings``."""
    return {
        "name": config.name,
        "table": evidence.table.table_name,
        "evidence_bucket": evidence.bucket.bucket_name,
        "signing_key": evidence.key.key_arn,
        "topic": evidence.topic.topic_arn,
        "escalation": evidence.escalation.topic_arn,
        "launch_template": _id(runner),
        "subnets": ",".join(runner.subnets),
        "instance_types": ",".join(config.runner.instance_types),
        "disk_gib": str(config.runner.disk_gib),
        "runner_role_id": runner.role_id,
        "runner_hold": str(config.runner.hold),
        "state_machine": state_machine_arn(config),
        "keeper_role": keeper_arn(config),
    }
