"""How a request is to be done: the options of a write and of a deletion; and the marks the server puts on objects."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def suffix(length: int = 5) -> str:
    """Random letters as the API server puts them behind a generated name."""
    return "".join(secrets.choice(SUFFIX) for _ in range(length))


@dataclass(frozen=True, slots=True)
class Options:
    """A request's options. ``manager`` empty (the controllers): managedFields are left as they are."""

    manager: str = ""
    dry_run: bool = False
    force: bool = False
    validation: str = "Warn"
    subresource: str = ""
    operation: str = "Update"


@dataclass(frozen=True, slots=True)
class Deletion:
    policy: str = ""
    grace: int | None = None
    dry_run: bool = False
    uid: str = ""
    version: str = ""


INTERNAL = Options()
BY_DEFAULT = Deletion()
