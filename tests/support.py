"""What the tests of several folders share: waiting for something to happen, a free port, an AWS in memory."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto import mock_aws

from relight.adapters.aws import forget


def eventually(look: Callable[[], Any], what: str = "it happens", seconds: float = 20.0) -> Any:
    """The first true answer of ``look``; fails the test, naming ``what`` was waited for, when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def own_clients() -> Iterator[None]:
    """Clients made while it is open are forgotten at its end; making one takes longer than most tests."""
    forget()
    try:
        yield
    finally:
        forget()


@contextmanager
def memory_aws(region: str = "us-east-1") -> Iterator[None]:
    """An empty AWS for as long as it is open, with nothing taken from the person's own settings. See ``own_clients``."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", region)
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        with mock_aws():
            yield
