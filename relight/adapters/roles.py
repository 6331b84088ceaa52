"""Fencing an IAM role: AWS's own deny-all policy on it ends what it may do, sessions that are open included."""

from relight.adapters.calls import Refused, call, pages

DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


def denied(role: str) -> bool:
    return any(
        one["PolicyArn"] == DENY_ALL
        for one in pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role)
    )


def deny(role: str) -> None:
    call("iam", "attach_role_policy", RoleName=role, PolicyArn=DENY_ALL)


def allow(role: str) -> None:
    """Repeating it is harmless."""
    try:
        call("iam", "detach_role_policy", {"NoSuchEntity"}, RoleName=role, PolicyArn=DENY_ALL)
    except Refused:
        return
