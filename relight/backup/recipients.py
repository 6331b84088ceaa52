"""Who can open a sealed backup: any one of its recipients, each of which holds the data key wrapped for itself.

``kms``: a key in KMS, opened by role. ``x25519``: a public key whose private half lies in a safe (HPKE, RFC 9180).
"""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.adapters import keys
from relight.backup.faults import fault
from relight.backup.metadata import Metadata
from relight.backup.seal import FORMAT, Seal
from relight.config import Encryption
from relight.errors import KeyUnusable, RequestInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

CIPHER = "AES-256-GCM"
KMS, OFFLINE = "kms", "x25519"

Unlock = Callable[[Metadata, str], Seal]


@dataclass(frozen=True, slots=True)
class Recipient:
    """``key``: the KMS key's ARN, or the public key in base64. ``wrapped``: the data key, for this recipient alone."""

    kind: str
    key: str
    wrapped: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


def sealed_for(about: Encryption, app: str, backup_id: str) -> tuple[Seal, dict[str, Any]]:
    """A new data key, and metadata's ``encryption`` (still without its proof). Raises KeyUnusable, and what KMS does."""
    data_key, context = secrets.token_bytes(32), context_of(app, backup_id)
    rows = [(KMS, key, keys.wrap(key, context, data_key)) for key in about.kms_keys]
    rows += [(OFFLINE, key, _suite().encrypt(data_key, _public(key), _info(context))) for key in about.offline_keys]
    listed = [{"kind": kind, "key": key, "wrapped": b64encode(wrapped).decode()} for kind, key, wrapped in rows]
    return Seal(data_key, backup_id), {"format": FORMAT, "cipher": CIPHER, "recipients": listed}


def context_of(app: str, backup_id: str) -> dict[str, str]:
    """What a wrapped key is bound to; a role may be held to one app by it."""
    return {"app": app, "backup": backup_id}


def recipients(encryption: Mapping[str, Any] | None) -> tuple[Recipient, ...]:
    return tuple(Recipient(row["kind"], row["key"], row["wrapped"]) for row in (encryption or {}).get("recipients", ()))


def by_kms(metadata: Metadata, where: str) -> Seal:
    """Opens with the first KMS key that the caller may use. Raises KeyUnusable with what each said, SealBroken."""
    refused = []
    for one in recipients(metadata.encryption):
        if one.kind == KMS:
            try:
                return _seal(metadata, where, keys.unwrap(one.key, _context(metadata), b64decode(one.wrapped)), one)
            except KeyUnusable as error:
                refused.append(str(error))
    why = "; ".join(refused) or "it was sealed for no KMS key"
    raise fault(KeyUnusable, where, f"no key opens it: {why}")


def by_private_key(file: Path) -> Unlock:
    """Opens with the private half of an offline recipient, without AWS. Raises RequestInvalid for what is no such key."""
    private = load_private(file)

    def unlock(metadata: Metadata, where: str) -> Seal:
        from cryptography.exceptions import InvalidTag

        mine = public_text(private)
        for one in recipients(metadata.encryption):
            if (one.kind, one.key) == (OFFLINE, mine):
                try:
                    data_key = _suite().decrypt(b64decode(one.wrapped), private, _info(_context(metadata)))
                except (InvalidTag, ValueError):
                    break
                return _seal(metadata, where, data_key, one)
        theirs = ", ".join(one.key for one in recipients(metadata.encryption) if one.kind == OFFLINE) or "none"
        raise KeyUnusable(
            where, f"{OFFLINE} key {mine} does not open it", f"give the private half of one of its own: {theirs}"
        )

    return unlock


def load_private(file: Path) -> "X25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    fix = "give the PEM file that `openssl genpkey -algorithm x25519` made"
    try:
        private = load_pem_private_key(file.read_bytes(), None)
    except OSError as error:
        raise RequestInvalid(f"--key {file}", f"cannot be read: {error.strerror}", fix) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise RequestInvalid(f"--key {file}", "is no private key without a passphrase", fix) from None
    if not isinstance(private, X25519PrivateKey):
        raise RequestInvalid(f"--key {file}", "is no X25519 key", fix)
    return private


def public_text(private: "X25519PrivateKey") -> str:
    """The public half as relight.toml and metadata.json name it."""
    return b64encode(private.public_key().public_bytes_raw()).decode()


def needed(used: Mapping[str, Sequence[str]], configured: Sequence[str]) -> dict[str, list[str]]:
    """Keys that relight.toml no longer names, and the backups that still need them. ``used``: by backup, its keys."""
    gone: dict[str, list[str]] = {}
    for backup, held in used.items():
        for key in held if not set(held) & set(configured) else ():
            gone.setdefault(key, []).append(backup)
    return gone


def _seal(metadata: Metadata, where: str, data_key: bytes, by: Recipient) -> Seal:
    seal = Seal(data_key, metadata.backup_id, str(by))
    seal.check(metadata, where)
    return seal


def _context(metadata: Metadata) -> dict[str, str]:
    return context_of(metadata.app, metadata.backup_id)


def _info(context: Mapping[str, str]) -> bytes:
    return "\0".join([FORMAT, *(f"{key}={value}" for key, value in sorted(context.items()))]).encode()


def _public(text: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    return X25519PublicKey.from_public_bytes(b64decode(text))


def _suite() -> Any:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
