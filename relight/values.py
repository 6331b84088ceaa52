"""Kinds of single values in `relight.toml`, each with the format that a person's file is held to."""

from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le, Predicate

from relight.formats import (
    is_cron,
    is_dns_name,
    is_function,
    is_hosted_zone,
    is_instance_type,
    is_issuer,
    is_key,
    is_kms_key,
    is_name,
    is_network,
    is_parameter,
    is_role,
    is_s3_uri,
    is_secret,
    is_selector,
    is_sha256,
    is_url,
    is_x25519,
    is_zone,
)

Name = Annotated[str, Predicate(is_name)]
Selector = Annotated[str, Predicate(is_selector)]
S3Uri = Annotated[str, Predicate(is_s3_uri)]
Sha256 = Annotated[str, Predicate(is_sha256)]
Cron = Annotated[str, Predicate(is_cron)]
Zone = Annotated[str, Predicate(is_zone)]
Share = Annotated[float, Gt(0), Le(1)]
Positive = Annotated[int, Ge(1)]
Key = Annotated[str, Predicate(is_key)]
Url = Annotated[str, Predicate(is_url)]
IssuerUrl = Annotated[str, Predicate(is_issuer)]
InstanceType = Annotated[str, Predicate(is_instance_type)]
Network = Annotated[str, Predicate(is_network)]
KmsKey = Annotated[str, Predicate(is_kms_key)]
X25519 = Annotated[str, Predicate(is_x25519)]
HostedZone = Annotated[str, Predicate(is_hosted_zone)]
DnsName = Annotated[str, Predicate(is_dns_name)]
Parameter = Annotated[str, Predicate(is_parameter)]
FunctionName = Annotated[str, Predicate(is_function)]
RoleArn = Annotated[str, Predicate(is_role)]
SecretArn = Annotated[str, Predicate(is_secret)]


class Strict:
    """Unknown fields are refused where a person's file is read."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
