"""Facts an instance reads about itself from the instance metadata service, by session token (IMDSv2) only.

The address is the SDK's own setting (AWS_EC2_METADATA_SERVICE_ENDPOINT). Proxies are never used: the address is link-local.
"""

from typing import Any

from botocore.session import Session
from urllib3 import BaseHTTPResponse, PoolManager, Retry
from urllib3.exceptions import HTTPError

from relight.errors import ObjectNotFound, ServiceUnavailable

DEFAULT_ENDPOINT = "http://169.254.169.254"
SESSION_SECONDS = "300"
TIMEOUT_SECONDS = 2.0
RETRIES = Retry(total=5, backoff_factor=0.1, status_forcelist=(429, 500, 502, 503), allowed_methods=None)


def instance_id() -> str:
    """This instance's id (``i-...``). Raises ServiceUnavailable when no metadata service answers."""
    return _Metadata().read("instance-id")


def tags() -> dict[str, str]:
    """This instance's tags. Raises ObjectNotFound when the launch template does not expose tags to the instance."""
    metadata = _Metadata()
    return {name: metadata.read(f"tags/instance/{name}") for name in metadata.read("tags/instance").splitlines()}


class _Metadata:
    """One session with the metadata service."""

    def __init__(self) -> None:
        endpoint = Session().get_config_variable("ec2_metadata_service_endpoint") or DEFAULT_ENDPOINT
        self._base = f"{endpoint.rstrip('/')}/latest"
        self._pool = PoolManager(retries=RETRIES, timeout=TIMEOUT_SECONDS)
        self._token = self._ask("PUT", "api/token", {"x-aws-ec2-metadata-token-ttl-seconds": SESSION_SECONDS})

    def read(self, path: str) -> str:
        return self._ask("GET", f"meta-data/{path}", {"x-aws-ec2-metadata-token": self._token})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> str:
        answer = self._request(method, path, headers=headers)
        if answer.status != 200:
            raise ObjectNotFound(
                f"instance metadata {path}: HTTP {answer.status}; it is not exposed to this instance; "
                "check the launch template's metadata options"
            )
        return answer.data.decode().strip()

    def _request(self, method: str, path: str, **options: Any) -> BaseHTTPResponse:
        try:
            return self._pool.request(method, f"{self._base}/{path}", **options)
        except HTTPError as error:
            raise ServiceUnavailable(
                f"instance metadata service at {self._base}: no answer ({type(error).__name__}); this is no EC2 instance, "
                "or its metadata service is off; run the agent on a runner, or set AWS_EC2_METADATA_SERVICE_ENDPOINT"
            ) from None
