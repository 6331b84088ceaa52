"""Keys in KMS: the one that signs the head of each run's chain, and those that wrap the data keys of sealed backups."""

from base64 import encodebytes
from dataclasses import dataclass
from functools import cache
from typing import Any

from relight.adapters.calls import Refused, call
from relight.errors import AccessDenied, AwsRefused, KeyUnusable

ALGORITHMS = ("ECDSA_SHA_256", "RSASSA_PSS_SHA_256")  # those that relight.evidence.verify can check


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """``value``: the signature's bytes, made over the digest with ``algorithm``."""

    value: bytes
    algorithm: str


class SigningKey:
    """``key``: the key's id, ARN or alias."""

    def __init__(self, key: str) -> None:
        self._key = key

    def sign(self, digest: bytes) -> Signature:
        """Signs the 32 bytes of a sha256, as a message of its own (it is hashed once more).

        Raises AwsRefused when the key is of another kind than ALGORITHMS.
        """
        algorithm = next((one for one in ALGORITHMS if one in _public(self._key)[1]), None)
        if algorithm is None:
            raise AwsRefused(f"KMS key {self._key}: cannot sign with {' or '.join(ALGORITHMS)}; use an ECC_NIST_P256 key")
        answer = call("kms", "sign", KeyId=self._key, Message=digest, MessageType="RAW", SigningAlgorithm=algorithm)
        return Signature(value=answer["Signature"], algorithm=algorithm)

    def public_key_pem(self) -> str:
        return _public(self._key)[0]


UNUSABLE = {
    "DisabledException": "it is disabled; enable it",
    "KMSInvalidStateException": "it is pending deletion or in another state that forbids use; cancel the deletion",
    "NotFoundException": "there is no such key; it may have been deleted, or be in another region",
    "KeyUnavailableException": "its key store is not available",
    "IncorrectKeyException": "the wrapped data key is not of this key",
    "InvalidCiphertextException": "the wrapped data key is not of this key, app and backup",
    "InvalidKeyUsageException": "it is no key for encryption",
}


def wrap(key: str, context: dict[str, str], data_key: bytes) -> bytes:
    """``data_key`` for whoever may use the KMS key ``key`` (its ARN) with this context. Raises KeyUnusable."""
    return bytes(_use("encrypt", key, context, Plaintext=data_key)["CiphertextBlob"])


def unwrap(key: str, context: dict[str, str], wrapped: bytes) -> bytes:
    """The data key again. Raises KeyUnusable, and Throttled or ServiceUnavailable, which may pass."""
    return bytes(_use("decrypt", key, context, CiphertextBlob=wrapped)["Plaintext"])


def _use(operation: str, key: str, context: dict[str, str], **given: bytes) -> dict[str, Any]:
    region = key.split(":")[3] if key.startswith("arn:") else ""
    try:
        return call("kms", operation, UNUSABLE, region=region, KeyId=key, EncryptionContext=context, **given)
    except Refused as refused:
        raise KeyUnusable(f"KMS key {key}", UNUSABLE[refused.code]) from None
    except AccessDenied as error:
        raise KeyUnusable(f"KMS key {key}", f"kms:{operation.title()} is denied ({error})") from None


@cache
def _public(key: str) -> tuple[str, tuple[str, ...]]:
    answer = call("kms", "get_public_key", KeyId=key)
    body = encodebytes(answer["PublicKey"]).decode().replace("\n", "")
    lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n", tuple(answer["SigningAlgorithms"])
