"""Who may do what in the console: the roles, and the one table of its routes. Whatever is not in it is refused."""

from collections.abc import Iterable
from enum import StrEnum

from relight.consoleconfig import ConsoleConfig
from relight.people import named


class Role(StrEnum):
    """Least first; each may also do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"

    def covers(self, needed: "Role") -> bool:
        return LADDER.index(self) >= LADDER.index(needed)


LADDER = list(Role)
DEFAULT = "$default"  # API Gateway's name for whatever has no route: a page that says so


def role_of(console: ConsoleConfig, name: str, groups: Iterable[str] = (), *, by_aws: bool) -> Role | None:
    """The highest role whose list names this person or one of their groups.

    Named nowhere: whom AWS vouches for (``by_aws``) may what IAM let them ask for, anybody else nothing.
    """
    called = [name, *(f"group:{group}" for group in groups)]
    lists = {Role.APPROVER: console.approvers, Role.OPERATOR: console.operators, Role.VIEWER: console.viewers}
    for role, patterns in lists.items():
        if any(named(one, patterns) for one in called):
            return role
    return Role.APPROVER if by_aws else None


# The API: every request is signed by an AWS identity (SigV4), whose IAM policies have let it pass already.
API: dict[str, Role] = {
    "POST /runs": Role.OPERATOR,
    "GET /runs": Role.VIEWER,
    "GET /apps/{app}/backups": Role.VIEWER,
    "GET /runs/{run_id}": Role.VIEWER,
    "GET /triggers": Role.VIEWER,
    "POST /runs/{run_id}/approve": Role.APPROVER,
    "POST /runs/{run_id}/reject": Role.APPROVER,
    "POST /runs/{run_id}/request": Role.OPERATOR,
    "POST /runs/{run_id}/failback": Role.OPERATOR,
    "POST /runs/{run_id}/restored": Role.OPERATOR,  # onto the primary, by the caller's own machine
    "POST /runs/{run_id}/unfreeze": Role.OPERATOR,
    "GET /apps/{app}/readiness": Role.VIEWER,
    "POST /sign-in/viewer": Role.VIEWER,  # a link for a browser, a route a role: IAM says who may ask for which
    "POST /sign-in/operator": Role.OPERATOR,
    "POST /sign-in/approver": Role.APPROVER,
}

# The pages: a person's own session says who asks. None: whoever opens it.
PAGES: dict[str, Role | None] = {
    "GET /": None,
    "GET /console": Role.VIEWER,
    "GET /console/runs": Role.VIEWER,
    "POST /console/runs": Role.OPERATOR,
    "GET /console/runs/{run_id}": Role.VIEWER,
    "GET /console/runs/{run_id}/objects": Role.VIEWER,
    "GET /console/runs/{run_id}/evidence/{proxy+}": Role.VIEWER,
    "POST /console/runs/{run_id}/approve": Role.APPROVER,
    "POST /console/runs/{run_id}/reject": Role.APPROVER,
    "POST /console/runs/{run_id}/request": Role.OPERATOR,
    "POST /console/runs/{run_id}/failback": Role.OPERATOR,
    "POST /console/runs/{run_id}/unfreeze": Role.OPERATOR,
    "GET /console/sign-in": None,
    "POST /console/sign-in": None,
    "GET /console/sign-in/start": None,  # on to the issuer, and back
    "GET /console/sign-in/back": None,
    "POST /console/sign-in/back": None,
    "POST /console/sign-out": Role.VIEWER,
    "GET /console/assets/{name}": None,
    DEFAULT: None,
}
