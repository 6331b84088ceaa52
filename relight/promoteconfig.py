"""What a person configures of a promotion: the rows `[[apps.promote]]` of `relight.toml`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from relight.values import DnsName, FunctionName, HostedZone, Key, Name, Parameter, RoleArn, SecretArn, Strict


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(Strict):
    """Where a Route 53 alias points: the target's own hosted zone, and its name."""

    zone: HostedZone
    name: DnsName
    check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteAction(Strict):
    """One change that makes the runner production, done in the order written; docs/promote.md says what each kind takes.

    ``key``: the S3 object below the app's prefix that says which site is production. ``seconds``: what a function may take.
    """

    name: Name
    kind: Literal["pointer", "route53", "ssm", "lambda", "fence_role", "fence_cronjobs"]
    key: Key = ""
    zone: HostedZone = ""
    record: DnsName = ""
    type: Literal["A", "AAAA", "CNAME"] = "A"
    values: tuple[str, ...] = ()
    ttl: Annotated[int, Ge(0), Le(86_400)] = 60
    alias: Alias | None = None
    parameter: Parameter = ""
    value: Annotated[str, Len(1, 4096)] = ""
    function: FunctionName = ""
    seconds: Annotated[int, Ge(1), Le(50)] = 20
    role: RoleArn = ""
    kubeconfig: SecretArn = ""
