"""Who is calling, as AWS says it."""

from relight.adapters.aws import client, translated


def caller() -> str:
    """The ARN of whoever's credentials these are. Raises NotPermitted for missing or refused ones."""
    with translated("ask who is calling"):
        return str(client("sts").get_caller_identity()["Arn"])
