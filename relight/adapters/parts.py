"""Objects written in parts: S3's multipart uploads, which stay where they are until they are completed or aborted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from relight.adapters.aws import translated
from relight.adapters.s3 import PLAIN, S3, Keeping, split


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """``size`` in bytes; ``checksum``: SHA-256 as S3 writes it, empty where S3 does not say."""

    number: int
    size: int
    etag: str
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """An upload that has not ended. ``begun`` is None for one that has just begun."""

    uri: str
    upload_id: str
    begun: datetime | None = None

    @property
    def named(self) -> dict[str, Any]:
        bucket, key = split(self.uri)
        return {"Bucket": bucket, "Key": key, "UploadId": self.upload_id}


class Uploads:
    """Thread-safe. All methods raise what ``S3``'s do; ObjectNotFound for an upload that somebody ended."""

    def __init__(self, store: S3) -> None:
        self._client = store.client

    def below(self, uri: str) -> Iterator[OpenUpload]:
        """Every open upload whose URI begins with ``uri``."""
        bucket, prefix = split(uri)
        with translated(f"list the uploads of {uri}"):
            for page in self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
                for found in page.get("Uploads", []):
                    where = f"s3://{bucket}/{found['Key']}"
                    yield OpenUpload(uri=where, upload_id=found["UploadId"], begun=found["Initiated"])

    def begin(self, uri: str, keeping: Keeping = PLAIN) -> OpenUpload:
        bucket, key = split(uri)
        with translated(f"write {uri}"):
            begun = self._client.create_multipart_upload(
                Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256", **keeping.asked()
            )
        return OpenUpload(uri=uri, upload_id=begun["UploadId"])

    def parts(self, upload: OpenUpload) -> dict[int, Part]:
        """What is there of it, by number."""
        with translated(f"list the parts of {upload.uri}"):
            pages = self._client.get_paginator("list_parts").paginate(**upload.named)
            rows = [row for page in pages for row in page.get("Parts", [])]
        return {
            row["PartNumber"]: Part(
                number=row["PartNumber"], size=row["Size"], etag=row["ETag"], checksum=row.get("ChecksumSHA256", "")
            )
            for row in rows
        }

    def send(self, upload: OpenUpload, number: int, data: bytes, checksum: str) -> Part:
        """Writes a part, over the one of that number if there is one. S3 refuses bytes that are not of ``checksum``."""
        with translated(f"write {upload.uri}"):
            sent = self._client.upload_part(
                **upload.named, PartNumber=number, Body=data, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum
            )
        return Part(number=number, size=len(data), etag=sent["ETag"], checksum=checksum)

    def complete(self, upload: OpenUpload, parts: Sequence[Part]) -> None:
        """Makes the object of exactly these parts. Raises Conflict when there is such an object already."""
        rows: list[Any] = [{"PartNumber": one.number, "ETag": one.etag, "ChecksumSHA256": one.checksum} for one in parts]
        with translated(f"write {upload.uri}"):
            self._client.complete_multipart_upload(
                **upload.named,
                MultipartUpload={"Parts": rows},
                IfNoneMatch="*",
            )

    def abort(self, upload: OpenUpload) -> None:
        """Gives its parts up. That it cannot be done is no failure: the bucket's lifecycle rule sweeps what is left."""
        try:
            self._client.abort_multipart_upload(**upload.named)
        except (ClientError, BotoCoreError):
            return
