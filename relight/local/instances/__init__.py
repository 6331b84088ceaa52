"""An instance of the embedded engine: a process that boots its own user data on a disk of its own.

``python -m relight.local.instances`` reads its orders (a JSON line: see ``machine.Orders``) from standard input and
keeps that open as its lifeline. It serves the metadata service on loopback, runs the user data with bash, and runs the
units that the user data writes, with stand-ins for ``systemctl`` and ``python3`` on PATH. When it ends, for whatever
reason, the instance is gone.
"""
