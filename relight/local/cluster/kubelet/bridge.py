"""Runs inside a container's own network, before its command, and carries connections across its border.

    python bridge.py DIR ADDRESS IN,IN OUT,OUT -- COMMAND...

For each IN port, what connects to the socket DIR/in-PORT goes to ADDRESS:PORT in here; for each OUT port, what connects to
127.0.0.1:PORT in here goes to the socket DIR/out-PORT. Ends as the command ends. Standard library only: it starts
fast.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

Connect = Callable[[], socket.socket]


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _join(near: socket.socket, connect: Connect) -> None:
    with near:
        try:
            far = connect()
        except OSError:
            return
        with far:
            back = threading.Thread(target=_pump, args=(far, near), daemon=True)
            back.start()
            _pump(near, far)
            back.join()


def _serve(listener: socket.socket, connect: Connect) -> None:
    listener.listen(128)

    def accept() -> None:
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_join, args=(near, connect), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _unix(path: Path) -> socket.socket:
    far = socket.socket(socket.AF_UNIX)
    far.connect(str(path))
    return far


def _inward(directory: Path, address: str, port: int) -> None:
    path = directory / f"in-{port}"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    _serve(listener, lambda: socket.create_connection((address, port)))


def _outward(directory: Path, _: str, port: int) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    _serve(listener, lambda: _unix(directory / f"out-{port}"))


def main(directory: str, address: str, inward: str, outward: str, _: str, *command: str) -> int:
    for ports, bridge in ((inward, _inward), (outward, _outward)):
        for port in ports.split(",") if ports else ():
            bridge(Path(directory), address, int(port))
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        print(f"exec {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda given, _frame: child.send_signal(given))
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
