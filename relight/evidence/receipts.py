"""Receipts: what each phase leaves behind, also when it fails. Each names the digest of the one before it.

``<prefix>/<nn>-<phase>.json``, canonical JSON, written once. The number is one more than the highest there is; two writers
that race (an agent that answers late, a Teardown) may share a number, never a key. Nothing here holds a secret.
"""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from relight.adapters.s3 import S3
from relight.errors import Conflict, EvidenceBroken, EvidenceWriteFailed, RelightError
from relight.evidence.binding import digest
from relight.evidence.scrub import scrub
from relight.model import Artifact, Phase, Run, canonical, encode, now

SCHEMA_VERSION = 1
NAME = re.compile(r"(\d{2,})-([a-z]+)\.json")
TRIES = 8  # each lost race means that another receipt was written meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One receipt in the chain, as stored."""

    number: int
    phase: str
    uri: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return digest(self.data)

    def body(self) -> dict[str, Any]:
        """Raises EvidenceBroken when the stored bytes are not a JSON object."""
        try:
            return msgspec.json.decode(self.data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EvidenceBroken(
                f"{self.uri}: not a receipt ({error}); the evidence is damaged; verify the run's copy"
            ) from None


@dataclass(slots=True)
class Record:
    """What a phase fills in while it works. ``handed_over``: somebody else ends the phase and writes its receipt."""

    outputs: dict[str, Any] = field(default_factory=dict)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    handed_over: bool = False


@contextmanager
def recorded(
    store: S3,
    prefix_uri: str,
    run: Run,
    phase: Phase,
    attempt: int,
    inputs: dict[str, Any],
    *,
    secrets: Iterable[str] = (),
) -> Iterator[Record]:
    """Writes the phase's receipt on leaving, also for an error, which is recorded and raised again.

    Idempotent per run, phase and attempt. Raises EvidenceWriteFailed when the phase succeeded and its receipt could not be
    written; when the phase itself failed its own error is raised, and Report fills the gap.
    """
    record, started, clock = Record(), now(), time.monotonic()

    def leave(error: BaseException | None) -> None:
        seconds = round(time.monotonic() - clock, 3)
        body = receipt(run, phase, attempt, started, inputs=inputs, record=record, error=error, seconds=seconds)
        write_receipt(store, prefix_uri, scrub(body, secrets))

    try:
        yield record
    except BaseException as error:
        try:
            leave(error)
        except RelightError as unwritten:
            error.add_note(str(unwritten))
        raise
    if not record.handed_over:
        leave(None)


def receipt(
    run: Run,
    phase: Phase,
    attempt: int,
    started_at: str,
    *,
    inputs: dict[str, Any],
    record: Record,
    error: BaseException | dict[str, str] | None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """A receipt's body, without the link to the one before it. ``seconds`` is None when nobody measured the phase."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "run": encode(run),
        "phase": phase.value,
        "attempt": attempt,
        "started_at": started_at,
        "ended_at": now(),
        "seconds": seconds,
        "inputs": encode(inputs),
        "outputs": encode(record.outputs),
        "verdicts": encode(record.verdicts),
        "error": {"type": type(error).__name__, "message": str(error)} if isinstance(error, BaseException) else error,
    }


def write_receipt(store: S3, prefix_uri: str, body: dict[str, Any]) -> Artifact:
    """Appends the receipt to the run's chain, or finds the one that this phase and attempt left before.

    Raises EvidenceWriteFailed.
    """
    try:
        for _ in range(TRIES):
            if written := _append(store, prefix_uri, body):
                return written
    except RelightError as error:
        raise EvidenceWriteFailed(f"receipt of {body['phase']} below {prefix_uri}: not written; {error}") from error
    raise EvidenceWriteFailed(f"receipt of {body['phase']} below {prefix_uri}: {TRIES} races lost; the phase tries again")


def _append(store: S3, prefix_uri: str, body: dict[str, Any]) -> Artifact | None:
    names = _names(store, prefix_uri)
    for link in (_fetch(store, name) for name in names if name[1] == body["phase"]):
        if link.body().get("attempt") == body["attempt"]:
            return Artifact(uri=link.uri, sha256=link.sha256)
    number, previous = (names[-1][0] + 1, _fetch(store, names[-1]).sha256) if names else (1, None)
    uri, data = f"{prefix_uri}/{number:02d}-{body['phase']}.json", canonical({**body, "previous_sha256": previous})
    try:
        store.put(uri, data, if_absent=True)
    except Conflict:
        return None
    return Artifact(uri=uri, sha256=digest(data))


def chain(store: S3, prefix_uri: str) -> list[Link]:
    """The run's receipts in order. Raises what the store raises."""
    return [_fetch(store, name) for name in _names(store, prefix_uri)]


def link_up(files: dict[str, bytes]) -> list[Link]:
    """The receipts among files (by name), in the chain's order."""
    found = {name: at for name in files if (at := named(name))}
    links = [Link(number=at[0], phase=at[1], uri=name, data=files[name]) for name, at in found.items()]
    return sorted(links, key=lambda link: (link.number, link.phase))


def named(name: str) -> tuple[int, str] | None:
    """A file name's number and phase, or None when it is not a receipt's."""
    match = NAME.fullmatch(name)
    return (int(match[1]), match[2]) if match else None


def _names(store: S3, prefix_uri: str) -> list[tuple[int, str, str]]:
    uris = (info.uri for info in store.list(f"{prefix_uri}/"))
    return sorted((*found, uri) for uri in uris if (found := named(uri.removeprefix(f"{prefix_uri}/"))))


def _fetch(store: S3, name: tuple[int, str, str]) -> Link:
    return Link(number=name[0], phase=name[1], uri=name[2], data=store.get(name[2]))
