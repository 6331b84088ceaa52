"""What a role needs, as a parameter: the check function simulates it against the role as that stands by then."""

from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.grant import Grant
from infra.grants import FUNCTIONS
from infra.resources import CONDITIONS, Resources
from relight.config import Config
from relight.model import Phase

# In which phase a run misses what is none of its phases itself.
PHASES = {
    "runner": Phase.RESTORE,
    "keeper": Phase.SERVE,
    "tend": Phase.SERVE,
    "console": Phase.APPROVE,
    "reap": Phase.TEARDOWN,
}


class Needs(Construct):
    """``/<name>/permissions/<who>``: see ``relight.adapters.rights.Needs``."""

    def __init__(self, scope: Construct, config: Config, who: str, role: iam.IRole, needs: list[dict[str, Any]]) -> None:
        super().__init__(scope, f"{who.capitalize()}Needs")
        phase = who if who in set(Phase) else PHASES.get(who, Phase.DETECT)
        document = {"who": who, "role": role.role_arn, "phase": str(phase), "needs": needs}
        ssm.CfnParameter(
            self,
            "Parameter",
            type="String",
            name=f"/{config.name}/permissions/{who}",
            value=Stack.of(self).to_json_string(document),
            tier="Intelligent-Tiering",
            description=f"What the role of {who} needs: relight check simulates it",
        )


def of_functions(
    scope: Construct, config: Config, made: Mapping[str, functions.Function], machine: iam.IRole, resources: Resources
) -> None:
    """The functions' roles, and the state machine's own."""
    for name, one in made.items():
        Needs(scope, config, name, cast(iam.IRole, one.role), needs(FUNCTIONS[name], resources))
    arns = [one.function_arn for name, one in made.items() if name in set(Phase)]
    Needs(scope, config, "recovery", machine, [{"actions": ["lambda:InvokeFunction"], "resources": arns, "context": {}}])


def needs(grants: tuple[Grant, ...], resources: Resources) -> list[dict[str, Any]]:
    """Grants as data. ``context``: what a request carries that meets the grant's condition."""
    found = []
    for grant in grants:
        if arns := resources.arns(grant.on):
            keys = {key: one for row in CONDITIONS[grant.only](resources).values() for key, one in row.items()}
            context = {key: one if isinstance(one, list) else [one] for key, one in keys.items()}
            found.append({"actions": grant.actions.split(), "resources": arns, "context": context})
    return found
