"""The machine: its disk, its stand-ins, its boot and its end."""

import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relight.local import processes
from relight.local.instances.imds import MetadataService
from relight.local.instances.init import Init
from relight.local.instances.link import Link
from relight.settings import environment

PACKAGE = Path(__file__).parent
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# name: the command that takes its place. What an Ubuntu image has and this machine may lack, or must not touch.
INIT = [sys.executable, "-S", str(PACKAGE / "systemctl.py"), "{home}"]
STAND_INS = {
    "python3": [sys.executable],
    "systemctl": INIT,
    "shutdown": [*INIT, "poweroff"],
    "poweroff": [*INIT, "poweroff"],
}
WHERE_MISSING = {"curl": [sys.executable, str(PACKAGE / "curl.py")]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What RunInstances made. ``credentials`` are the role's: AccessKeyId, SecretAccessKey, Token, RoleName;
    ``asked_at`` in epoch seconds: what this process took to start is a part of the boot's ``boot_seconds``."""

    instance_id: str
    instance_type: str
    image_id: str
    zone: str
    region: str
    account: str
    private_ip: str
    user_data: str
    profile_arn: str
    tags_in_metadata: bool
    home: str
    endpoint: str
    boot_seconds: float
    connection_megabytes: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, str] | None = None
    asked_at: float = field(default_factory=time.time)


class Machine:
    """``home`` holds ``disk`` (DESTDIR), ``bin`` (stand-ins) and a log for the user data and for each unit."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._home = Path(orders.home)
        self._disk = self._home / "disk"
        self._off = threading.Event()
        self._why = ""
        self._metadata = MetadataService(orders)
        self._link = Link(orders.endpoint, orders.connection_megabytes) if orders.connection_megabytes else None
        self._init = Init(self._disk, self._home, self._base(), self.power_off)

    def run(self) -> None:
        """Blocks until the machine is powered off, then ends everything on it."""
        while not self._off.wait(1.0):  # bounded, so that signals are seen
            pass
        self._say(f"powering off: {self._why}")
        self._init.stop_all()
        processes.kill_marked(environment().get(processes.MARK, ""))
        self._say("off")
        os._exit(0)  # threads may be blocked in user data that no longer exists

    def power_off(self, why: str) -> None:
        self._why = self._why or why
        self._off.set()

    def boot(self) -> None:
        self._say(f"{self._orders.instance_id} ({self._orders.instance_type}) boots")
        self._off.wait(max(0.0, self._orders.asked_at + self._orders.boot_seconds - time.time()))
        for folder in ("etc/systemd/system", "root", "tmp"):
            (self._disk / folder).mkdir(parents=True, exist_ok=True)
        self._install_stand_ins()
        self._metadata.start()
        if self._link:
            self._link.start()
        self._init.listen()
        if not self._off.is_set():
            self._run_user_data()

    def _run_user_data(self) -> None:
        """As cloud-init does: only what starts with #!, once, its output in a log."""
        text = self._orders.user_data
        if not text.startswith("#!"):
            self._say("no user data script")
            return
        script = self._home / "user-data"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
        started = time.monotonic()
        with (self._home / "user-data.log").open("ab") as log:
            done = subprocess.run(
                [str(script)], cwd=self._disk, env=self._base(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                process_group=0, check=False, preexec_fn=processes.die_with_parent,
            )  # fmt: skip
        self._say(f"user data ended with status {done.returncode} after {time.monotonic() - started:.1f} s")

    def _install_stand_ins(self) -> None:
        folder = self._home / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {**STAND_INS, **{name: row for name, row in WHERE_MISSING.items() if not shutil.which(name)}}
        for name, command in wanted.items():
            path = folder / name
            words = shlex.join(word.format(home=self._home) for word in command)
            path.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
            path.chmod(0o755)

    def _base(self) -> dict[str, str]:
        """The environment of every program on the machine. It has no credentials: those come from the metadata service."""
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self._metadata.endpoint,
            "AWS_ENDPOINT_URL": self._orders.endpoint,
            "AWS_ENDPOINT_URL_S3": self._link.endpoint if self._link else self._orders.endpoint,
            "DESTDIR": str(self._disk),
            "HOME": str(self._disk / "root"),
            "LANG": "C.UTF-8",
            "PATH": f"{self._home / 'bin'}:{SYSTEM_PATH}",
            "TMPDIR": str(self._disk / "tmp"),
            processes.MARK: environment().get(processes.MARK, ""),
        }

    def _say(self, text: Any) -> None:
        print(time.strftime("%H:%M:%S"), text, flush=True)
