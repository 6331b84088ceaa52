"""What objects of a backup name and the backup does not hold: what that means for a restore, and what to do about it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relight.recovery.objects import Identity

NO_KIND, ABSENT, UNREADABLE = "the cluster serves no such kind", "is not in the cluster", "cannot be read"
SILENT = "its API does not answer"
# How a reason begins: (what it means, what to do).
ADVICE = {
    NO_KIND: ("the app lacked it where it ran, and will on the runner", "install its CRD, or drop the reference"),
    ABSENT: ("the app lacked it where it ran, and will on the runner", "create it, or drop the reference"),
    UNREADABLE: (
        "the app has it where it runs, and will lack it on the runner",
        "let the backup get it: print relight backup cronjob again, and apply it",
    ),
    SILENT: (
        "what the app has of it where it runs, it will lack on the runner",
        "repair that API, or remove it: kubectl get apiservices",
    ),
}
OTHERWISE = ("the app will lack it on the runner", "see why it could not be had")
AGAIN = "then back up again"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """``object`` names ``needs`` (``Kind.group name``, of cluster scope), which is not in the backup for ``reason``.

    Where a whole group could not be listed, ``object`` is the namespace, and ``needs`` is ``*.group *``.
    """

    object: str
    needs: str
    reason: str

    @property
    def said(self) -> str:
        """For a person: why, what it means, what to do."""
        means, fix = next((row for start, row in ADVICE.items() if self.reason.startswith(start)), OTHERWISE)
        group = self.needs.removeprefix("*.").removesuffix(" *")
        lacks = f"needs {self.needs}, which is" if group == self.needs else f"may have objects of {group}, which are"
        return f"{lacks} not in the backup ({self.reason}): {means}; {fix}, {AGAIN}"

    @property
    def silent(self) -> bool:
        """Whether nobody knows what the backup lacks here."""
        return self.reason.startswith(SILENT)

    @property
    def who(self) -> Identity:
        """What is needed."""
        kind, _, name = self.needs.partition(" ")
        kind, _, group = kind.partition(".")
        return Identity(group, kind, "", name)


def unsure(rows: Any) -> str:
    """Of metadata.json's rows, what an API that did not answer may have kept out of the backup; empty where nothing did."""
    return "; ".join(f"{row.object} {row.said}" for row in unresolved(rows) if row.silent)


def unlisted(namespace: str, silent: Mapping[str, str]) -> Iterator[Unresolved]:
    """A row for each API version that did not answer. ``silent``: what came instead."""
    for version, why in sorted(silent.items()):
        yield Unresolved(namespace, f"*.{version.rpartition('/')[0]} *", f"{SILENT}: {why}")


def unresolved(rows: Any) -> tuple[Unresolved, ...]:
    """As metadata.json lists them; a row of another shape tells nothing."""
    return tuple(_told(rows if isinstance(rows, list) else ()))


def _told(rows: Iterable[Any]) -> Iterator[Unresolved]:
    for row in rows:
        told = [row.get(key) for key in ("object", "needs", "reason")] if isinstance(row, dict) else []
        if told and all(isinstance(value, str) for value in told):
            yield Unresolved(*map(str, told))
