"""The outside world as a health signal sees it: one bounded HTTP request."""

from urllib3 import PoolManager, Retry
from urllib3.exceptions import HTTPError

from relight.errors import ServiceUnavailable

NO_RETRIES = Retry(total=0, redirect=3, raise_on_redirect=True)


def http_status(url: str, timeout: float) -> int:
    """The status of a GET within ``timeout`` seconds. Raises ServiceUnavailable when nothing answers in time."""
    try:
        answer = PoolManager(retries=NO_RETRIES, timeout=timeout).request("GET", url, preload_content=False)
        answer.release_conn()
        return int(answer.status)
    except HTTPError as error:
        raise ServiceUnavailable(f"GET {url}: no answer within {timeout:g} s ({type(error).__name__})") from None
