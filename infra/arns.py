"""The ARNs of what a deployment works with, made from its configuration."""

from collections.abc import Iterable

from aws_cdk import Aws

from relight.config import App, Config


def arn(service: str, rest: str) -> str:
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{rest}"


def stored(storage: str, key: str) -> str:
    """As ``relight.adapters.s3.join`` makes the URI: one slash between the two, wherever a person put some."""
    return f"arn:{Aws.PARTITION}:s3:::{storage.removeprefix('s3://').rstrip('/')}/{key.strip('/')}"


def storage(apps: Iterable[App], key: str) -> list[str]:
    return [stored(app.storage, key) for app in apps]


def keys(apps: Iterable[App]) -> list[str]:
    return [app.kms_key for app in apps if app.kms_key]


def has_backup_age(app: App) -> bool:
    return any(signal.kind == "backup_age" for signal in app.signals)


def asks(config: Config, *kinds: str) -> bool:
    """Whether a signal of one of these kinds is configured: without one, no right."""
    return any(signal.kind in kinds for app in config.apps for signal in app.signals)


def pointers(config: Config, part: str) -> list[str]:
    kinds = ("pointer", "marker")
    rows = ((app.storage, row) for app in config.apps for row in getattr(app, part) if row.kind in kinds)
    return [stored(storage, row.key) for storage, row in rows]


def promoted(config: Config, kind: str, field: str) -> list[str]:
    """What the actions of a kind name in a field: only that, and where there is none, no right."""
    return [str(getattr(row, field)) for app in config.apps for row in app.promote if row.kind == kind]


def buckets(apps: Iterable[App]) -> list[str]:
    return [f"arn:{Aws.PARTITION}:s3:::{app.storage.removeprefix('s3://').split('/')[0]}" for app in apps]


def locking(config: Config) -> list[App]:
    return [app for app in config.apps if app.retention.lock]


def keeper(config: Config) -> str:
    """The name of the role that writes backups for runners that are production."""
    return f"{config.name}-keeper"


def keeper_arn(config: Config) -> str:
    return f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{keeper(config)}"


def state_machine_arn(config: Config) -> str:
    """Made from its name: functions and state machine name each other, and CloudFormation allows no circle."""
    return arn("states", f"stateMachine:{config.name}-recovery")


def network_arns(subnets: list[str], security_group: str) -> tuple[str, ...]:
    return (*(arn("ec2", f"subnet/{one}") for one in subnets), arn("ec2", f"security-group/{security_group}"))
