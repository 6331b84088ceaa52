"""S3 as the project uses it: conditional writes, ranges of one version."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from relight.adapters import aws
from relight.adapters.aws import client, forget, translate, translated
from relight.adapters.s3 import S3, join, split
from relight.errors import (
    AccessDenied,
    AwsRefused,
    Conflict,
    NotPermitted,
    ObjectNotFound,
    RelightError,
    ServiceUnavailable,
    Throttled,
    UriMalformed,
)
from tests.support import memory_aws, own_clients

URI = "s3://relight-test/some/key"


@pytest.fixture
def store() -> Iterator[S3]:
    with own_clients(), memory_aws():
        boto3.client("s3").create_bucket(Bucket="relight-test")
        yield S3()


def test_what_is_put_is_what_is_read(store: S3) -> None:
    etag = store.put(URI, b"content")
    found = store.head(URI)
    assert found and (found.uri, found.size, found.etag) == (URI, 7, etag)
    assert store.get(URI) == b"content"
    store.delete(URI)
    store.delete(URI)
    assert store.head(URI) is None


def test_an_object_is_written_once_or_not_at_all(store: S3) -> None:
    store.put(URI, b"first", if_absent=True)
    with pytest.raises(Conflict, match="write s3://relight-test/some/key"):
        store.put(URI, b"second", if_absent=True)
    assert store.get(URI) == b"first"


def test_compare_and_swap_loses_against_a_newer_version(store: S3) -> None:
    seen = store.put(URI, b"1")
    newer = store.put(URI, b"2", if_match=seen)
    with pytest.raises(Conflict):
        store.put(URI, b"3", if_match=seen)
    assert store.get(URI) == b"2"
    store.put(URI, b"3", if_match=newer)


def test_ranges_are_exact_and_of_one_version(store: S3) -> None:
    etag = store.put(URI, bytes(range(100)))
    assert store.get_range(URI, 10, 5, etag) == bytes(range(10, 15))
    assert store.get_range(URI, 10, 0) == b""
    with pytest.raises(ServiceUnavailable, match="got 1 bytes of 5 from 99"):
        store.get_range(URI, 99, 5)
    store.put(URI, b"another" * 20)
    with pytest.raises(Conflict):
        store.get_range(URI, 10, 5, etag)


def test_a_missing_object_is_named(store: S3) -> None:
    with pytest.raises(ObjectNotFound, match="read s3://relight-test/some/key"):
        store.get(URI)
    with pytest.raises(ObjectNotFound):
        store.get("s3://no-such-bucket/x")


def test_the_list_has_every_object_below(store: S3) -> None:
    for key in ("a/1", "a/2", "b/1"):
        store.put(f"s3://relight-test/{key}", b"x")
    assert [found.uri for found in store.list("s3://relight-test/a/")] == ["s3://relight-test/a/1", "s3://relight-test/a/2"]
    assert list(store.list("s3://relight-test/c/")) == []


class Flaky(io.BytesIO):
    failures = 0

    def read(self, *_: Any) -> bytes:
        if Flaky.failures:
            Flaky.failures -= 1
            raise ReadTimeoutError(endpoint_url="https://s3")
        return super().read()


@pytest.mark.parametrize(("failures", "comes_back"), [(3, True), (4, False)])
def test_a_body_that_breaks_off_is_read_again_a_few_times(
    store: S3, monkeypatch: pytest.MonkeyPatch, failures: int, comes_back: bool
) -> None:
    Flaky.failures = failures
    monkeypatch.setattr(store.client, "get_object", lambda **_: {"Body": Flaky(b"body"), "ContentLength": 4})
    if comes_back:
        assert store.get(URI) == b"body"
    else:
        with pytest.raises(ServiceUnavailable):
            store.get(URI)


def answer(code: str, status: int) -> ClientError:
    given = {"Error": {"Code": code, "Message": "the reason"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(given, "GetObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer("SlowDown", 503), Throttled),
        (answer("ThrottlingException", 400), Throttled),
        (answer("InternalError", 500), ServiceUnavailable),
        (answer("Whatever", 502), ServiceUnavailable),
        (EndpointConnectionError(endpoint_url="https://s3"), ServiceUnavailable),
        (answer("AccessDenied", 403), AccessDenied),
        (answer("UnauthorizedOperation", 403), AccessDenied),
        (answer("Whatever", 403), AccessDenied),
        (answer("ExpiredToken", 400), NotPermitted),
        (answer("InvalidClientTokenId", 403), NotPermitted),
        (NoCredentialsError(), NotPermitted),
        (answer("NoSuchKey", 404), ObjectNotFound),
        (answer("404", 404), ObjectNotFound),
        (answer("PreconditionFailed", 412), Conflict),
        (answer("ConditionalRequestConflict", 409), Conflict),
        (answer("ConditionalCheckFailedException", 400), Conflict),
        (answer("ValidationException", 400), AwsRefused),
    ],
)
def test_an_aws_error_is_one_of_ours(error: Exception, kind: type[RelightError]) -> None:
    ours = translate(error, "read s3://b/k")
    assert type(ours) is kind
    assert str(ours).startswith("read s3://b/k: ") and "\n" not in str(ours)


def test_an_error_keeps_its_cause_and_other_errors_pass() -> None:
    with pytest.raises(Conflict) as caught, translated("write x"):
        raise answer("PreconditionFailed", 412)
    assert isinstance(caught.value.__cause__, ClientError)
    with pytest.raises(KeyError), translated("write x"):
        raise KeyError


def test_no_region_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    forget()
    with pytest.raises(NotPermitted, match="set AWS_PROFILE and AWS_REGION"):
        client("dynamodb")


def test_clients_are_made_once_and_wait_a_bounded_time(store: S3) -> None:
    assert client("s3") is client("s3")
    config = client("s3").meta.config
    assert config.connect_timeout == 5 and config.read_timeout == 20 and client("sts").meta.config.read_timeout == 60
    assert config.max_pool_connections >= aws.THREADS


@pytest.mark.parametrize("uri", ["", "bucket/key", "https://bucket/key", "s3://", "s3:///key"])
def test_what_is_no_uri_is_refused(uri: str) -> None:
    with pytest.raises(UriMalformed, match="s3://bucket/prefix"):
        split(uri)


def test_uris_are_split_and_joined() -> None:
    assert split("s3://bucket/a/b/") == ("bucket", "a/b/")
    assert split("s3://bucket") == ("bucket", "")
    assert join("s3://bucket/", "/a/", "b") == "s3://bucket/a/b"
