"""What a role needs, as a parameter: the check function simulates it against the role as that stands by then."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from relight.config import Config
from relight.model import Phase

# In which phase a run misses what is none of its phases itself.
PHASES = {"runner": Phase.RESTORE, "console": Phase.APPROVE, "reap": Phase.TEARDOWN}


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
