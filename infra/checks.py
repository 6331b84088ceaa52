"""The checks of the templates: cdk-nag's AwsSolutions, each finding cured or acknowledged with its reason, and cfn-lint."""

import re
from pathlib import Path

from aws_cdk import App, Aspects, Stack
from aws_cdk.cx_api import CloudAssembly
from cdk_nag import AwsSolutionsChecks, NagPackSuppression, NagSuppressions, RegexAppliesTo

# stack -> rule -> why it is right as it is
ACKNOWLEDGED: dict[str, dict[str, str]] = {
    "evidence": {
        "AwsSolutions-S1": "Who wrote evidence is in the signed chain itself; CloudTrail knows who read it. A second "
        "bucket for access logs would repeat that.",
    },
    "runner": {
        "AwsSolutions-VPC7": "Nothing lives in this network in normal times, then a runner that accepts no connection. "
        "What it did is in its receipts.",
    },
    "orchestrator": {
        "AwsSolutions-L1": "python3.13 is in support, is what the tests run on, and what the bundles' wheels are for.",
        "AwsSolutions-APIG4": "The API's routes have the IAM authorizer. A browser that opens a page can sign nothing: the "
        "console holds its session against relight.roles, which names every route; a test holds these against the template.",
    },
    "triggers": {},
}

# stack -> the end of a resource -> why the wildcard there is as narrow as it can be
INSTANCES = "Instances have no name in advance; conditions on our own tag make it ours alone."
RECEIPTS = "Receipts, plans and reports of every app and run lie in this one bucket, which holds nothing else."
WILDCARDS: dict[str, dict[str, str]] = {
    "runner": {
        r"Resource::\*": "Answers to callback tasks know no narrower resource; the token is what narrows them.",
        r"Evidence.*/\*": RECEIPTS,
        r":s3:::.*/backups/\*": "A backup's id is chosen by whoever makes it; only the apps' own prefixes are readable.",
    },
    "orchestrator": {
        r"Resource::\*": "X-Ray, log delivery, answers to tasks and EC2's Describe calls know no narrower resource.",
        r"Evidence.*/\*": RECEIPTS,
        r":s3:::.*/backups/\*": "A backup's id is chosen by whoever makes it; only the apps' own prefixes are readable.",
        r":s3:::.*/metadata\.json": "As above, and of each backup only what says how old it is.",
        r":parameter/.*/apps/\*": "The parameters of this deployment's apps, and no other parameter.",
        r":parameter/aws/service/canonical/\*": "Canonical's public image parameters; the launch template names one.",
        r":(instance|volume|network-interface|image)/\*": INSTANCES,
        r":repository/\*": "An app's images may be in any repository of this region, also of another account; only read.",
        r":role/.*-\*": "The roles of this deployment; each may only be simulated, by the function that checks readiness.",
        r":(rule|schedule/default)/.*-\*": "The triggers of this deployment, which may only be read.",
        r":change/\*": "A change of Route 53 has no name before it is made; this only asks whether it is everywhere.",
        r":execution:.*-recovery:\*": "The executions of this deployment's one state machine.",
    },
}

# cfn-lint's findings that are not ours: rule, message, why
NOT_OURS = (
    ("W3005", ".*", "CDK makes a function depend on its role's policies, and names the role with them"),
    (
        "E3601",
        r"'\{% .* %\}' is not of type 'number' at '.*(Timeout|Heartbeat)Seconds'.*",
        "in JSONata these may be expressions",
    ),
)


def acknowledge(app: App) -> None:
    """Writes the reasons into the templates, where whoever reviews them looks."""
    for stack in _stacks(app):
        reasons = [NagPackSuppression(id=rule, reason=why) for rule, why in ACKNOWLEDGED[stack.node.id].items()]
        for pattern, why in WILDCARDS.get(stack.node.id, {}).items():
            where = RegexAppliesTo(regex=f"/{pattern.replace('/', chr(92) + '/')}$/")
            reasons.append(NagPackSuppression(id="AwsSolutions-IAM5", reason=why, applies_to=[where]))
        NagSuppressions.add_stack_suppressions(stack, reasons)


def watch(app: App) -> None:
    """Lets AwsSolutions look at every synthesis, the CDK CLI's too: that one deploys nothing while there is a finding."""
    Aspects.of(app).add(AwsSolutionsChecks(reports=False))


def nag(assembly: CloudAssembly) -> list[str]:
    """What AwsSolutions found and nobody acknowledged: ``path: rule: what``."""
    rows = [f"{one.id}: {str(one.entry.data).strip()}" for stack in assembly.stacks for one in stack.messages]
    return [row for row in rows if re.match(r"\S+: (AwsSolutions-|CdkNag)", row)]


def lint(folder: Path) -> list[str]:
    """What cfn-lint finds in the folder's templates: ``file: rule: message at path``. E3601 covers the state machine."""
    from cfnlint.api import lint_file  # type: ignore[import-untyped]  # a developer's tool, which the CLI does without

    templates = sorted(folder.glob("*.template.json"))
    if not templates:
        raise ValueError(f"{folder}: holds no template; nothing was checked")
    rows = [(path, match) for path in templates for match in lint_file(path)]
    told = [(path.name, one.rule.id, f"{one.message} at '{'/'.join(map(str, one.path or ()))}'") for path, one in rows]
    return [f"{name}: {rule}: {message}" for name, rule, message in told if not _not_ours(rule, message)]


def _not_ours(rule: str, message: str) -> bool:
    return any(rule == known and re.fullmatch(pattern, message, re.DOTALL) for known, pattern, _ in NOT_OURS)


def _stacks(app: App) -> list[Stack]:
    return [child for child in app.node.children if isinstance(child, Stack)]
