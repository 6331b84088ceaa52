"""Kept connections to a cluster on this machine, by the standard library's client: of thousands of small requests urllib3
would spend on each more CPU than all the rest of its restore."""

import select
import ssl
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import quote

CHUNK = 2**16
FRESH = 1.0  # seconds at rest in which no server drops a connection; a look at it costs its thread the interpreter
SAFE = "!#$%&'()*+,/:;=?@[]~"  # what an address may hold besides letters and digits, its escapes included
GiveBack = Callable[[HTTPConnection], None]


class NothingAnswers(OSError):
    """No connection could be made."""


class Connections:
    """At most ``most`` at rest, the one used last first. Safe for threads."""

    def __init__(self, make: Callable[[], HTTPConnection], most: int) -> None:
        self._make, self._most = make, most
        # Each with when it came to rest. Taking from the end and adding there are one step each.
        self._rest: list[tuple[HTTPConnection, float]] = []

    def send(self, method: str, url: str, body: bytes | None, headers: dict[str, str], timeout: float) -> "Answer":
        """The answer, its body not read. Raises NothingAnswers, and other OSError and HTTPException."""
        connection = self._kept(timeout) or self._made(timeout)
        try:
            connection.request(method, quote(url, safe=SAFE), body, headers)
            return Answer(connection.getresponse(), connection, self._give_back)
        except BaseException:
            connection.close()
            raise

    def _kept(self, timeout: float) -> HTTPConnection | None:
        while self._rest:
            try:
                connection, since = self._rest.pop()
            except IndexError:
                break
            if time.monotonic() - since < FRESH or not _dropped(connection):
                if connection.timeout != timeout:
                    connection.timeout = timeout
                    connection.sock.settimeout(timeout)
                return connection
            connection.close()
        return None

    def _made(self, timeout: float) -> HTTPConnection:
        connection = self._make()
        connection.timeout = timeout
        try:
            connection.connect()
        except ssl.SSLError:
            raise
        except OSError as error:
            raise NothingAnswers(str(error)) from error
        return connection

    def _give_back(self, connection: HTTPConnection) -> None:
        if connection.sock is None or len(self._rest) >= self._most:
            connection.close()
        else:
            self._rest.append((connection, time.monotonic()))


def _dropped(connection: HTTPConnection) -> bool:
    """At rest there is nothing to read but the end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


class Answer:
    """What is used of urllib3's answers, under the same names. Read whole, it gives its connection back."""

    def __init__(self, response: HTTPResponse, connection: HTTPConnection, give_back: GiveBack) -> None:
        self.status, self.reason = response.status, response.reason
        self._response, self._connection, self._give_back = response, connection, give_back
        self._data: bytes | None = None

    @property
    def data(self) -> bytes:
        if self._data is None:
            self._data = self.read()
        return self._data

    def read(self, most: int | None = None) -> bytes:
        read = self._response.read(most)
        if self._response.isclosed():
            self._give_back(self._connection)
        return read

    drain_conn = read

    def stream(self, **_: Any) -> Iterator[bytes]:
        """As it comes, until its end."""
        while chunk := self._response.read1(CHUNK):
            yield chunk

    def close(self) -> None:
        if not self._response.isclosed():
            self._response.close()
            self._connection.close()
