"""Who is who: the one place that says whether two names that AWS, or a sign-in, vouches for are one person."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

SSO = "awsreservedsso_"  # roles of IAM Identity Center: the session's name is the person's, and AWS sets it


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an app takes for one person. ``session_roles``: roles whose session names are people; ``rows``: each all names
    of one person, such as an IAM user's ARN and an e-mail address."""

    session_roles: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def person(self, identity: str) -> str:
        """The person behind an ARN or a signed-in name, as a text to compare."""
        name = alone(identity, self.session_roles)
        rows = ([alone(one, self.session_roles) for one in row] for row in self.rows)
        return next((row[0] for row in rows if name in row), name)

    def same(self, one: str, other: str) -> bool:
        return self.person(one) == self.person(other)


def alone(identity: str, session_roles: Iterable[str] = ()) -> str:
    """The person behind one name, as far as the name itself tells.

    Casing makes no difference, nor does an IAM user's path. Whoever assumes a role chooses the session's name, so the name
    counts only where it is not theirs to choose: in Identity Center's roles, whose session is the user's name on whichever
    role, and in ``session_roles``. Otherwise all sessions of a role are one person.
    """
    name = identity.strip().casefold()
    head, _, rest = name.partition("/")
    if head.endswith(":user"):
        return f"{head}/{rest.rpartition('/')[2]}"
    if head.endswith(":federated-user"):
        return head
    if not head.endswith(":assumed-role"):
        return name
    role, _, session = rest.partition("/")
    if role.startswith(SSO):
        return session
    return name if role in {one.casefold() for one in session_roles} else f"{head}/{role}"


def named(identity: str, patterns: Iterable[str]) -> bool:
    """Whether one of ``patterns`` (an ARN or a signed-in name, ``*`` for any part) names it; casing makes no difference."""
    return any(fnmatchcase(identity.strip().casefold(), one.casefold()) for one in patterns)
