"""The app: every stack, wired. ``infra.node`` must have been imported before (``app.py`` does)."""

from pathlib import Path

from aws_cdk import App

from infra import bundling, checks
from infra.definition import ASL
from infra.evidence import EvidenceStack
from infra.orchestrator import OrchestratorStack
from infra.runner import RunnerStack
from infra.triggers import TriggersStack
from relight.config import Config

FLAGS = {
    "@aws-cdk/core:target-partitions": ["aws", "aws-cn", "aws-us-gov"],
    "@aws-cdk/aws-iam:minimizePolicies": True,
}


def build(config: Config, platform: str = bundling.LAMBDA, output: Path | None = None, definition_file: Path = ASL) -> App:
    """The app, not yet synthesized; templates go to ``output`` (or where the CDK CLI wants them).

    Raises ConfigInvalid (the state machine's names, a drill's cron), ToolMissing or DownloadFailed (bundles).
    """
    function, agent = bundling.build(bundling.FUNCTION, platform), bundling.build(bundling.AGENT, platform)
    app = App(outdir=str(output) if output else None, analytics_reporting=False, tree_metadata=False, context=FLAGS)
    evidence = EvidenceStack(app, config)
    runner = RunnerStack(app, config, evidence, agent)
    orchestrator = OrchestratorStack(app, config, evidence, runner, function, definition_file)
    TriggersStack(app, config, evidence, orchestrator)
    checks.acknowledge(app)
    checks.watch(app)
    return app
