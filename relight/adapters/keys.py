"""The evidence key in KMS: it signs the head of each run's chain; its private half never leaves KMS."""

from base64 import encodebytes
from dataclasses import dataclass
from functools import cache

from relight.adapters.calls import call
from relight.errors import AwsRefused

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


@cache
def _public(key: str) -> tuple[str, tuple[str, ...]]:
    answer = call("kms", "get_public_key", KeyId=key)
    body = encodebytes(answer["PublicKey"]).decode().replace("\n", "")
    lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n", tuple(answer["SigningAlgorithms"])
