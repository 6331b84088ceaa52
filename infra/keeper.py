"""The role that writes backups for a runner that is production. A runner has no such right of its own: a drill's cannot."""

from typing import cast

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from constructs import Construct

from infra import arns
from infra.grants import KEEPER, statements
from infra.needs import Needs, needs
from infra.resources import Resources
from relight.config import Config


def role(scope: Construct, config: Config, givers: list[functions.Function], resources: Resources) -> None:
    """``givers``: the functions that may take its credentials, to hand them on."""
    principals = [iam.ArnPrincipal(cast(iam.IRole, giver.role).role_arn) for giver in givers]
    made = iam.Role(
        scope,
        "KeeperRole",
        role_name=arns.keeper(config),
        assumed_by=cast(iam.IPrincipal, iam.CompositePrincipal(*(cast(iam.IPrincipal, one) for one in principals))),
        description="Writes the backups of an app while it runs on a runner",
    )
    for statement in statements(KEEPER, resources):
        made.add_to_policy(statement)
    Needs(scope, config, "keeper", cast(iam.IRole, made), needs(KEEPER, resources))
