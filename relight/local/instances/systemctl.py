"""The ``systemctl`` that an instance's user data finds on PATH; its first argument is the machine's directory.

Standard library only, so that it starts at once.
"""

import json
import os
import socket
import sys


def main() -> int:
    machine, *given = sys.argv[1:]
    flags = [word for word in given if word.startswith("-")]
    words = [word for word in given if not word.startswith("-")]
    if not words:
        print("systemctl: this stand-in needs a verb", file=sys.stderr)
        return 1
    os.chdir(machine)  # a socket's path is short or relative
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect("init.sock")
        connection.sendall(json.dumps([words[0], flags, words[1:]]).encode() + b"\n")
        status, text = json.loads(connection.makefile("rb").readline() or b'[1, "the machine is going down"]')
    if text and "--quiet" not in flags and "-q" not in flags:
        print(text, file=sys.stdout if status in (0, 3) else sys.stderr)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
