"""AWS clients, and AWS errors as ours. Every other adapter of AWS goes through here."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from botocore import exceptions as aws
from botocore.config import Config
from botocore.session import Session

from relight.errors import (
    AccessDenied,
    AwsRefused,
    Conflict,
    KmsKeyUnusable,
    NotPermitted,
    ObjectNotFound,
    RelightError,
    ServiceUnavailable,
    Throttled,
)

THREADS = 32
CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=THREADS + 8,
    tcp_keepalive=True,
)
ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
STALLED = Config(read_timeout=20)  # a stalled read is taken up on another connection: a recovery waits for it
PATIENT = Config(read_timeout=200)  # longer than any function that a person asks may take, and waits for
SERVICES = {"s3": STALLED, "lambda": PATIENT}
_making = Lock()


@cache
def session() -> Session:
    """Ours alone. botocore's: what boto3 adds, resources and transfers, nobody needs, and takes a sixth of its start."""
    return Session()


@cache
def client(service: str, once: bool = False, region: str = "") -> Any:
    """The process's client of ``service`` (thread-safe): standard retries (``once``: none), bounded timeouts.

    Raises NotPermitted where no region or profile is set.
    """
    with translated(f"set up {service}"), _making:  # a session is not thread-safe
        config = CONFIG.merge(SERVICES.get(service, Config()))
        return session().create_client(service, region_name=region or None, config=config.merge(ONCE) if once else config)


def forget() -> None:
    """All clients, and the credentials and the region that they found."""
    client.cache_clear()
    session.cache_clear()


CODES: dict[type[RelightError], str] = {
    Throttled: """Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException SlowDown 429
        RequestLimitExceeded TooManyRequestsException ProvisionedThroughputExceededException BandwidthLimitExceeded""",
    ServiceUnavailable: "RequestTimeout RequestTimeoutException PriorRequestNotComplete InternalError",
    NotPermitted: """ExpiredToken ExpiredTokenException InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId
        InvalidToken SignatureDoesNotMatch InvalidSignatureException RequestExpired TokenRefreshRequired AuthFailure
        MissingAuthenticationToken MissingAuthenticationTokenException IncompleteSignature OptInRequired""",
    AccessDenied: """AccessDenied AccessDeniedException UnauthorizedOperation AuthorizationError
        AuthorizationErrorException KMSAccessDeniedException Forbidden 403""",
    ObjectNotFound: "NoSuchKey NoSuchBucket NoSuchVersion NoSuchUpload NotFound 404",
    Conflict: """PreconditionFailed ConditionalRequestConflict ConditionalCheckFailedException TransactionConflictException
        OperationAborted InvalidPart 412""",
}
KIND_OF_CODE = {code: kind for kind, codes in CODES.items() for code in codes.split()}
NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.ProfileNotFound,
    aws.NoRegionError,
    aws.SSOError,
    aws.TokenRetrievalError,
)
SAYS: dict[type[RelightError], str] = {
    Throttled: "AWS throttled the call ({why}); wait and try again",
    ServiceUnavailable: "AWS did not answer as it should ({why}); it is usually back soon, try again",
    AccessDenied: "AWS refused it ({why}); grant this action to the caller's role (docs/permissions.md)",
    ObjectNotFound: "it is not there ({why}); check the bucket and the key",
    Conflict: "somebody else changed it in the meantime ({why}); read it again and decide again",
    KmsKeyUnusable: "its KMS key cannot be used ({why}); enable it, or allow it to the caller's role (docs/permissions.md)",
    AwsRefused: "AWS refused the request for good ({why}); trying again cannot help, correct the request",
}


def translate(error: Exception, what: str) -> RelightError:
    """The error of ours for one of botocore's. ``what`` names the call and its target: ``read s3://bucket/key``."""
    kind, why = _kind(error), _why(error)
    if kind is NotPermitted:
        return NotPermitted(
            what, f"AWS does not accept the credentials ({why})", "sign in, or set AWS_PROFILE and AWS_REGION"
        )
    return kind(f"{what}: {SAYS[kind].format(why=why)}")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """botocore's errors inside the block leave it as ours (see ``translate``); other errors pass."""
    try:
        yield
    except (aws.ClientError, aws.BotoCoreError) as error:
        raise translate(error, what) from error


def _kind(error: Exception) -> type[RelightError]:
    if isinstance(error, NO_CREDENTIALS):
        return NotPermitted
    if not isinstance(error, aws.ClientError):
        # What is not an answer is a lost connection, unless botocore refused to send the request at all.
        return AwsRefused if isinstance(error, (aws.ParamValidationError, aws.ValidationError)) else ServiceUnavailable
    if error_code(error).startswith("KMS.") or _names_kms(error):
        return KmsKeyUnusable
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = KIND_OF_CODE.get(error_code(error)) or KIND_OF_CODE.get(str(status))
    return kind or (ServiceUnavailable if status >= 500 else AwsRefused)


def _names_kms(error: aws.ClientError) -> bool:
    """S3's refusal of an object whose key the caller may not use; KMS' own refusals are no matter of an object."""
    wanted = re.search(r"\bkms:(Decrypt|GenerateDataKey)", str(error.response["Error"].get("Message", "")))
    return wanted is not None and error_code(error) == "AccessDenied"


def error_code(error: Exception) -> str:
    """AWS's own code of the error (``NoSuchKey``), or the class name where AWS did not answer."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, aws.ClientError) else type(error).__name__


def _why(error: Exception) -> str:
    message = error.response["Error"].get("Message", "") if isinstance(error, aws.ClientError) else str(error)
    return " ".join(f"{error_code(error)}: {message}".split()).rstrip(":. ")
