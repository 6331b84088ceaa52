"""S3's writing half over HTTP on loopback, in parts and under conditions, that can be cut off at any request."""

import base64
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.config import Config

from relight.adapters.s3 import S3
from tests.stub_bucket import Bucket, Stored, Upload, checksum

WHEN = "2026-11-25T03:00:00Z"


class Handler(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_PUT(self) -> None:
        path, query = self._where()
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        body = self._body()
        if "uploadId" in query:
            time.sleep(self.bucket.pace)
            number = int(query["partNumber"])
            self._do("part", number, lambda: self._part(query["uploadId"], number, body))
        else:
            self._do(path.rpartition("/")[2], 0, lambda: self._create(path, body, checksum(body), self._kept()))

    def do_POST(self) -> None:
        path, query = self._where()
        body = self._body().decode()
        if "uploads" in query:
            self._do("begin", 0, lambda: self._begin(path))
        else:
            self._do("complete", 0, lambda: self._complete(path, query["uploadId"], body))

    def do_DELETE(self) -> None:
        path, query = self._where()
        self.bucket.asked.append(("DELETE", path, 0))
        (self.bucket.uploads if "uploadId" in query else self.bucket.objects).pop(query.get("uploadId", path), None)
        self._answer(204)

    def do_HEAD(self) -> None:
        found = self.bucket.objects.get(self._where()[0])
        if found is None:
            return self._answer(404)
        about = {"ETag": found.etag, "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"} | found.headers
        about |= {"x-amz-checksum-sha256": found.checksum, "Content-Length": str(len(found.data))}
        self.send_response(200)
        for name, value in about.items():
            self.send_header(name, value)
        return self.end_headers()

    def do_GET(self) -> None:
        path, query = self._where()
        if "uploads" in query:
            return self._xml(self._listed_uploads(f"{path}/{query.get('prefix', '')}"))
        if "uploadId" in query:
            return self._xml(self._listed_parts(query["uploadId"]))
        if "list-type" in query:
            return self._xml(self._listed(f"{path}/{query.get('prefix', '')}"))
        return self._read(path)

    def _read(self, path: str) -> None:
        found = self.bucket.objects.get(path)
        if found is None:
            return self._refuse(404, "NoSuchKey")
        if "Range" not in self.headers:
            return self._answer(200, found.data, {"ETag": found.etag})
        start, _, end = self.headers["Range"].removeprefix("bytes=").partition("-")
        part = found.data[int(start) : int(end) + 1]
        place = f"bytes {start}-{int(start) + len(part) - 1}/{len(found.data)}"
        return self._answer(206, part, {"ETag": found.etag, "Content-Range": place})

    # ------------------------------------------------------------ writes
    def _do(self, what: str, number: int, act: Callable[[], None]) -> None:
        self.bucket.asked.append((self.command, what, number))
        fault = self.bucket.fault(self.command, what, number)
        if fault == "lost":
            self.wfile = _Nowhere()  # type: ignore[assignment]
        if fault in ("", "lost"):
            with self.bucket.lock:
                act()
        if fault in ("cut", "lost"):
            self.close_connection = True
        elif fault:
            self._refuse(503, fault)

    def _kept(self) -> dict[str, str]:
        wanted = ("x-amz-object-lock", "x-amz-server-side-encryption")
        return {name: value for name, value in self.headers.items() if name.lower().startswith(wanted)}

    def _create(self, path: str, data: bytes, digest: str, kept: dict[str, str]) -> bool:
        if self.headers.get("If-None-Match") == "*" and path in self.bucket.objects:
            self._refuse(412, "PreconditionFailed")
            return False
        self.bucket.objects[path] = made = Stored(data, digest, kept)
        if self.command == "PUT":
            self._answer(200, headers={"ETag": made.etag})
        return True

    def _begin(self, path: str) -> None:
        name = f"upload-{len(self.bucket.asked)}"
        self.bucket.uploads[name] = Upload(path, self._kept())
        self._xml(f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>")

    def _part(self, upload: str, number: int, data: bytes) -> None:
        found = self.bucket.uploads.get(upload)
        if found is None:
            return self._refuse(404, "NoSuchUpload")
        if self.headers["x-amz-checksum-sha256"] != checksum(data):
            return self._refuse(400, "BadDigest")
        found.parts[number] = made = Stored(data, checksum(data), {})
        return self._answer(200, headers={"ETag": made.etag})

    def _complete(self, path: str, name: str, body: str) -> None:
        upload = self.bucket.uploads.get(name)
        if upload is None:
            return self._refuse(404, "NoSuchUpload")
        rows = [(_tag(part, "PartNumber"), _tag(part, "ChecksumSHA256")) for part in re.findall(r"<Part>.*?</Part>", body)]
        parts = [upload.parts.get(int(number)) for number, _ in rows]
        if any(part is None or part.checksum != digest for part, (_, digest) in zip(parts, rows, strict=True)):
            return self._refuse(400, "InvalidPart")
        whole = checksum(b"".join(base64.b64decode(digest) for _, digest in rows))
        data = b"".join(part.data for part in parts if part)
        if self._create(path, data, f"{whole}-{len(rows)}", upload.headers):
            del self.bucket.uploads[name]
            self._xml("<CompleteMultipartUploadResult><ETag>whole</ETag></CompleteMultipartUploadResult>")
        return None

    # ------------------------------------------------------------ lists
    def _listed_uploads(self, below: str) -> str:
        rows = "".join(
            f"<Upload><Key>{one.key.split('/', 2)[2]}</Key><UploadId>{name}</UploadId><Initiated>{WHEN}</Initiated></Upload>"
            for name, one in self.bucket.uploads.items()
            if one.key.startswith(below)
        )
        return f"<ListMultipartUploadsResult>{rows}</ListMultipartUploadsResult>"

    def _listed_parts(self, name: str) -> str:
        upload = self.bucket.uploads.get(name) or Upload("", {})
        rows = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{part.etag}</ETag><Size>{len(part.data)}</Size>"
            f"<ChecksumSHA256>{part.checksum}</ChecksumSHA256></Part>"
            for number, part in sorted(upload.parts.items())
        )
        return f"<ListPartsResult>{rows}</ListPartsResult>"

    def _listed(self, below: str) -> str:
        rows = "".join(
            f"<Contents><Key>{path.split('/', 2)[2]}</Key><Size>{len(one.data)}</Size><ETag>{one.etag}</ETag>"
            f"<LastModified>{WHEN}</LastModified></Contents>"
            for path, one in sorted(self.bucket.objects.items())
            if path.startswith(below)
        )
        return f"<ListBucketResult>{rows}</ListBucketResult>"

    # ------------------------------------------------------------ HTTP
    def _where(self) -> tuple[str, dict[str, str]]:
        found = urlsplit(self.path)
        query = parse_qs(found.query, keep_blank_values=True)
        return unquote(found.path), {name: values[0] for name, values in query.items()}

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>as asked</Message></Error>".encode())

    def _xml(self, text: str) -> None:
        self._answer(200, text.encode())

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class _Nowhere:
    """Swallows an answer that is to be lost."""

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    closed = False


def _tag(text: str, name: str) -> str:
    return (re.findall(f"<{name}>(.*?)</{name}>", text) or [""])[0].replace("&quot;", '"')


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None: ...  # a client that is killed is what some tests are about


def client_of(url: str, tries: int = 1) -> Any:
    config = Config(
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": tries},
        s3={"addressing_style": "path"},
        max_pool_connections=30,
    )
    keys: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("s3", config=config, region_name="us-east-1", endpoint_url=url, **keys)


@contextmanager
def serving(bucket: Bucket) -> Iterator[str]:
    """The URL at which ``bucket`` is an S3."""
    server = Server(("127.0.0.1", 0), type("Writable", (Handler,), {"bucket": bucket}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def store_of(url: str, tries: int = 1) -> S3:
    return S3(client_of(url, tries))
