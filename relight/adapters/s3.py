"""Objects in S3: conditional writes, and ranged reads that cannot mix two versions."""

import random
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from relight.adapters.aws import client as aws_client
from relight.adapters.aws import error_code, translate, translated
from relight.errors import ObjectNotFound, ServiceUnavailable, UriMalformed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READ_TRIES = 4  # botocore retries requests, not bodies that break off
PIECE = 2**18  # what the SDK copies at a time: small enough to stay in the processor's cache
PAUSE = 0.5  # seconds at most before the first of these retries; longer before the others


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """``size`` in bytes; ``etag`` as S3 gives it, quotes included; ``modified`` None right after a write.

    What only ``head`` knows: ``checksum`` (base64 SHA-256; of an object in parts, of its parts' digests) when asked for,
    ``kms_key`` (its ARN), ``locked_until`` where an Object Lock holds it and the caller may know.
    """

    uri: str
    size: int
    etag: str
    modified: datetime | None = None
    checksum: str = ""
    kms_key: str = ""
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How S3 is to keep what is written: under the KMS key ``kms_key`` (an ARN), locked in ``mode`` until ``until``."""

    kms_key: str = ""
    mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    until: datetime | None = None

    def asked(self) -> dict[str, Any]:
        """As parameters of a write."""
        key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key, "BucketKeyEnabled": True}
        lock = {"ObjectLockMode": self.mode, "ObjectLockRetainUntilDate": self.until}
        return (key if self.kms_key else {}) | (lock if self.until else {})


PLAIN = Keeping()


def split(uri: str) -> tuple[str, str]:
    """``s3://bucket/some/key`` as (bucket, key); the key may be empty. Raises UriMalformed."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise UriMalformed(uri, "is not an S3 URI", "write it as s3://bucket/prefix")
    return bucket, key


def join(uri: str, *parts: str) -> str:
    """The URI with ``parts`` below it, with one slash between any two."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


class S3:
    """Reads and writes objects by URI. Thread-safe. All methods raise Throttled, ServiceUnavailable, AccessDenied,
    NotPermitted and UriMalformed besides what they name."""

    def __init__(self, client: "S3Client | None" = None) -> None:
        self.client: S3Client = client or aws_client("s3")

    def get(self, uri: str) -> bytes:
        """The whole object. Raises ObjectNotFound."""
        return self.get_up_to(uri, sys.maxsize)[1]

    def get_up_to(self, uri: str, most: int) -> tuple[int, bytes]:
        """The object's size, and the whole object; of one larger than ``most`` not a byte is read. Raises ObjectNotFound."""
        bucket, key = split(uri)
        for tried in range(1, READ_TRIES + 1):
            try:
                answer = self.client.get_object(Bucket=bucket, Key=key)
                with closing(answer["Body"]) as body:
                    return answer["ContentLength"], body.read() if answer["ContentLength"] <= most else b""
            except (ClientError, BotoCoreError) as error:
                ours = translate(error, f"read {uri}")
                if isinstance(error, ClientError) or not isinstance(ours, ServiceUnavailable) or tried == READ_TRIES:
                    raise ours from error
        raise AssertionError("unreachable")

    def get_range(self, uri: str, start: int, length: int, etag: str | None = None) -> bytes:
        """Exactly ``length`` bytes from ``start``. Raises as ``read_into``."""
        data = bytearray(length)
        self.read_into(uri, start, memoryview(data), etag)
        return bytes(data)

    def read_into(self, uri: str, start: int, into: memoryview, etag: str | None = None) -> None:
        """Fills ``into`` with the object's bytes from ``start``. An answer that breaks off, stalls or is short is taken up
        where it ended, a few times. Raises ObjectNotFound; Conflict when ``etag`` is not the object's now."""
        rest, why = into, "the answer was short"
        for tried in range(READ_TRIES if into else 0):
            if tried:
                time.sleep(random.uniform(0, PAUSE * tried))  # noqa: S311 (spreads the retries of many threads)
            try:
                body = self._open_range(uri, start + len(into) - len(rest), len(rest), etag)
                while rest and (got := body.readinto(rest[:PIECE])):
                    rest = rest[got:]
            except (ClientError, BotoCoreError) as error:
                ours, why = translate(error, f"read {uri}"), str(error)
                if not isinstance(error, ClientError) and isinstance(ours, ServiceUnavailable):
                    continue
                if error_code(error) == "InvalidRange" and len(rest) < len(into):
                    break
                raise ours from error
            if not rest:
                return
        if into:
            got = len(into) - len(rest)
            raise ServiceUnavailable(f"read {uri}: got {got} bytes of {len(into)} from {start} ({why}); try again")

    def _open_range(self, uri: str, start: int, length: int, etag: str | None) -> Any:
        bucket, key = split(uri)
        only: dict[str, Any] = {"IfMatch": etag} if etag else {}
        answer = self.client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}", **only)
        if not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
            raise ServiceUnavailable(f"read {uri}: asked for bytes from {start}, the answer was another part; try again")
        return answer["Body"]

    def head(self, uri: str, checksum: bool = False) -> ObjectInfo | None:
        """The object, or None where there is none. ``checksum`` is asked for separately: with KMS it needs the key."""
        bucket, key = split(uri)
        more: dict[str, Any] = {"ChecksumMode": "ENABLED"} if checksum else {}
        try:
            with translated(f"look up {uri}"):
                found = self.client.head_object(Bucket=bucket, Key=key, **more)
        except ObjectNotFound:
            return None
        return ObjectInfo(
            uri=uri,
            size=found["ContentLength"],
            etag=found["ETag"],
            modified=found["LastModified"],
            checksum=found.get("ChecksumSHA256", "").partition("-")[0],
            kms_key=found.get("SSEKMSKeyId", ""),
            locked_until=found.get("ObjectLockRetainUntilDate"),
        )

    def put(
        self, uri: str, data: bytes, if_absent: bool = False, if_match: str | None = None, keeping: Keeping = PLAIN
    ) -> str:
        """Writes the object and returns its etag. Raises Conflict when it exists (``if_absent``) or is not ``if_match``."""
        bucket, key = split(uri)
        only: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {"IfMatch": if_match} if if_match else {}
        proof: dict[str, Any] = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": checksum_of(data)}
        with translated(f"write {uri}"):
            return self.client.put_object(Bucket=bucket, Key=key, Body=data, **proof, **only, **keeping.asked())["ETag"]

    def lock(self, uri: str, keeping: Keeping) -> None:
        """Locks the object, or prolongs its lock, as ``keeping`` asks."""
        bucket, key = split(uri)
        retention: Any = {"Mode": keeping.mode, "RetainUntilDate": keeping.until}
        with translated(f"lock {uri}"):
            self.client.put_object_retention(Bucket=bucket, Key=key, Retention=retention)

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Every object whose URI begins with ``uri``, in the order of their keys."""
        bucket, prefix = split(uri)
        with translated(f"list {uri}"):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    where = f"s3://{bucket}/{found['Key']}"
                    yield ObjectInfo(uri=where, size=found["Size"], etag=found["ETag"], modified=found["LastModified"])

    def delete(self, uri: str) -> None:
        """Removes the object; removing what is not there is no error."""
        bucket, key = split(uri)
        with translated(f"delete {uri}"):
            self.client.delete_object(Bucket=bucket, Key=key)


def checksum_of(data: bytes) -> str:
    """SHA-256 as S3 writes it: base64."""
    return b64encode(sha256(data).digest()).decode()
