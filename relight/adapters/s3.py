"""Objects in S3: conditional writes, ranged reads that cannot mix two versions, uploads that leave nothing half done."""

import random
import time
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from relight.adapters.aws import client as aws_client
from relight.adapters.aws import error_code, translate, translated
from relight.errors import ObjectNotFound, ServiceUnavailable, UriMalformed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART = 16 * 2**20  # S3 takes 10,000 parts: up to 156 GiB an object
PARTS_IN_FLIGHT = 4
READ_TRIES = 4  # botocore retries requests, not bodies that break off
PIECE = 2**18  # what the SDK copies at a time: small enough to stay in the processor's cache
PAUSE = 0.5  # seconds at most before the first of these retries; longer before the others


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """``size`` in bytes; ``etag`` as S3 gives it, quotes included; ``modified`` None right after a write."""

    uri: str
    size: int
    etag: str
    modified: datetime | None = None


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
        self._client: S3Client = client or aws_client("s3")

    def get(self, uri: str) -> bytes:
        """The whole object. Raises ObjectNotFound."""
        return self._read(uri)

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
        answer = self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}", **only)
        if not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
            raise ServiceUnavailable(f"read {uri}: asked for bytes from {start}, the answer was another part; try again")
        return answer["Body"]

    def _read(self, uri: str, **options: Any) -> bytes:
        bucket, key = split(uri)
        for tried in range(1, READ_TRIES + 1):
            try:
                return self._client.get_object(Bucket=bucket, Key=key, **options)["Body"].read()
            except (ClientError, BotoCoreError) as error:
                ours = translate(error, f"read {uri}")
                if isinstance(error, ClientError) or not isinstance(ours, ServiceUnavailable) or tried == READ_TRIES:
                    raise ours from error
        raise AssertionError("unreachable")

    def head(self, uri: str) -> ObjectInfo | None:
        """The object's size and etag, or None where there is no such object."""
        bucket, key = split(uri)
        try:
            with translated(f"look up {uri}"):
                found = self._client.head_object(Bucket=bucket, Key=key)
        except ObjectNotFound:
            return None
        return ObjectInfo(uri=uri, size=found["ContentLength"], etag=found["ETag"], modified=found["LastModified"])

    def put(self, uri: str, data: bytes, if_absent: bool = False, if_match: str | None = None) -> str:
        """Writes the object and returns its etag. Raises Conflict when it exists (``if_absent``) or is not ``if_match``."""
        bucket, key = split(uri)
        only: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {"IfMatch": if_match} if if_match else {}
        with translated(f"write {uri}"):
            return self._client.put_object(Bucket=bucket, Key=key, Body=data, ChecksumSHA256=_checksum(data), **only)["ETag"]

    def upload(self, uri: str, chunks: Iterable[bytes]) -> ObjectInfo:
        """Writes an object of unknown length in bounded memory. On any failure, also of ``chunks``, nothing is left."""
        parts = _parts(chunks)
        first = next(parts, b"")
        if len(first) < PART:
            return ObjectInfo(uri=uri, size=len(first), etag=self.put(uri, first))
        with translated(f"write {uri}"):
            return self._multipart(uri, first, parts)

    def _multipart(self, uri: str, first: bytes, rest: Iterator[bytes]) -> ObjectInfo:
        bucket, key = split(uri)
        begun = self._client.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256")
        upload: dict[str, Any] = {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}
        try:
            size, done = self._send_parts(upload, first, rest)
            etag = self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})["ETag"]
        except BaseException:
            self._abort(upload)
            raise
        return ObjectInfo(uri=uri, size=size, etag=etag)

    def _send_parts(self, upload: dict[str, Any], first: bytes, rest: Iterator[bytes]) -> tuple[int, list[Any]]:
        size = 0
        done: list[Any] = []
        pending: deque[Future[Any]] = deque()
        with ThreadPoolExecutor(PARTS_IN_FLIGHT, "upload") as pool:
            part: bytes | None = first
            while part is not None:
                size += len(part)
                pending.append(pool.submit(self._send_part, upload, len(done) + len(pending) + 1, part))
                if len(pending) == PARTS_IN_FLIGHT:
                    done.append(pending.popleft().result())
                part = next(rest, None)
            done += [sent.result() for sent in pending]
        return size, done

    def _send_part(self, upload: dict[str, Any], number: int, data: bytes) -> dict[str, Any]:
        checksum = _checksum(data)
        sent = self._client.upload_part(**upload, PartNumber=number, Body=data, ChecksumSHA256=checksum)
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def _abort(self, upload: dict[str, Any]) -> None:
        try:
            self._client.abort_multipart_upload(**upload)
        except (ClientError, BotoCoreError):
            return  # the failure that brought us here says more; the bucket's lifecycle rule sweeps what is left

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Every object whose URI begins with ``uri``, in the order of their keys."""
        bucket, prefix = split(uri)
        with translated(f"list {uri}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    where = f"s3://{bucket}/{found['Key']}"
                    yield ObjectInfo(uri=where, size=found["Size"], etag=found["ETag"], modified=found["LastModified"])

    def delete(self, uri: str) -> None:
        """Removes the object; removing what is not there is no error."""
        bucket, key = split(uri)
        with translated(f"delete {uri}"):
            self._client.delete_object(Bucket=bucket, Key=key)


def _checksum(data: bytes) -> str:
    return b64encode(sha256(data).digest()).decode()


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of PART bytes, the last one shorter."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PART:
            rest = waiting[PART:]
            del waiting[PART:]
            yield bytes(waiting)
            waiting = rest
    if waiting:
        yield bytes(waiting)
