"""`python -m relight.local.instances`: boots the instance that standard input describes."""

import os
import signal
import threading

import msgspec

from relight.local import processes
from relight.local.instances.machine import Machine, Orders


def main() -> None:
    orders = msgspec.json.decode(_first_line(), type=Orders)
    machine = Machine(orders)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: machine.power_off("asked to terminate"))
    processes.watch_lifeline(lambda: machine.power_off("the engine is gone"))
    threading.Thread(target=machine.boot, daemon=True, name="boot").start()
    machine.run()


def _first_line() -> bytes:
    """Unbuffered: what follows on standard input is the lifeline's."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            raise SystemExit("relight.local.instances: no orders on standard input; RunInstances starts instances")
        line += byte
    return bytes(line)


if __name__ == "__main__":
    main()
