"""Credentials of another role, for a while, and narrower than the role itself."""

from relight.adapters.calls import call
from relight.model import Keys, timestamp

SECONDS = 3600  # as long as AWS lets one role take another's credentials


def assume(role: str, session: str, policy: str) -> Keys:
    """``role``: its ARN; ``policy``: IAM's JSON, of at most 2,048 characters, that narrows it. Raises AccessDenied."""
    answer = call("sts", "assume_role", RoleArn=role, RoleSessionName=session[:64], Policy=policy, DurationSeconds=SECONDS)[
        "Credentials"
    ]
    return Keys(
        access_key_id=answer["AccessKeyId"],
        secret_access_key=answer["SecretAccessKey"],
        session_token=answer["SessionToken"],
        expires_at=timestamp(answer["Expiration"]),
    )
