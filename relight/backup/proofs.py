"""That a person opened a backup with an offline key: no machine can try such a key, so a person's word is kept.

One object a recipient and app in the evidence bucket: its versions are the history.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from relight.adapters.s3 import S3
from relight.backup.faults import fault
from relight.backup.reader import Backup
from relight.errors import ArchiveTruncated, RequestInvalid
from relight.model import canonical, decode, encode, now

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyProof:
    """``recipient``: kind and public key. ``by``: who AWS says the caller was. ``at``: RFC 3339."""

    app: str
    recipient: str
    backup_id: str
    metadata_sha256: str
    at: str
    by: str
    schema_version: int = SCHEMA_VERSION


def prove(backup: Backup, by: str) -> KeyProof:
    """Opens the data key and the first frame.

    Raises RequestInvalid (not sealed), KeyUnusable, SealBroken, ArchiveTruncated, and what S3 does.
    """
    if not (seal := backup.seal):
        raise RequestInvalid(backup.uri, "is not sealed", "name a backup of an app with [apps.encryption]")
    with closing(backup.plain_state()) as frames:
        _first(frames, backup.uri)
    about = backup.metadata
    return KeyProof(
        app=about.app,
        recipient=seal.opened_by,
        backup_id=about.backup_id,
        metadata_sha256=backup.metadata_sha256,
        at=now(),
        by=by,
    )


def _first(frames: Iterator[bytes], where: str) -> bytes:
    for frame in frames:
        return frame
    raise fault(ArchiveTruncated, where, "its state has no frame")


def keep(store: S3, bucket: str, proof: KeyProof) -> str:
    """Its URI."""
    store.put(uri := place(bucket, proof.app, proof.recipient), canonical(encode(proof)))
    return uri


def last(store: S3, bucket: str, app: str, recipient: str) -> KeyProof | None:
    """The newest proof; None where there is none, or none that can be read as one. Raises what S3 does."""
    uri = place(bucket, app, recipient)
    if store.head(uri) is None:
        return None
    try:
        found = decode(msgspec.json.decode(store.get(uri)), KeyProof)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if (found.app, found.recipient) == (app, recipient) else None


def place(bucket: str, app: str, recipient: str) -> str:
    return f"s3://{bucket}/{app}/keys/{sha256(recipient.encode()).hexdigest()[:32]}.json"
