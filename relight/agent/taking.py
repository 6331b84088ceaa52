"""A runner that is production takes a backup of itself: with keys that it is given, in a process that has them alone."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from relight.agent.config import AgentConfig
from relight.agent.files import write_atomically
from relight.backups import named_now
from relight.errors import BackupNotTaken
from relight.model import Keys, Order, Taken, decode
from relight.settings import environment

STEP = 0.25
ENDING = 60.0  # seconds to start again what was stopped for the backup
OWN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


class Taking:
    """``keep`` the newest keys as often as they come: a backup that takes longer than they live reads them again."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config
        self._keys, self._profile = config.data / "keys" / "keys.json", config.data / "keys" / "aws.conf"

    def keep(self, keys: Keys) -> None:
        process = {"Version": 1, "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key}
        process |= {"SessionToken": keys.session_token, "Expiration": keys.expires_at}
        write_atomically(self._keys, json.dumps(process).encode())
        profile = f"[default]\ncredential_process = cat {shlex.quote(str(self._keys))}\n"
        write_atomically(self._profile, profile.encode())

    def take(self, order: Order, seconds: float, pause: Callable[[float], Any] = time.sleep) -> Taken:
        """Raises BackupNotTaken, and what ``pause`` raises to give it up."""
        if not self._keys.is_file():
            raise BackupNotTaken("backup: this runner has no keys to write one; tend hands them out every five minutes")
        asked = {
            "app": order.app,
            "namespace": order.run.namespace or order.app["namespace"],
            "kubeconfig": self._config.kubeconfig,
            "backup_id": named_now(),
            "site": f"relight/{order.run.run_id}",
        }
        with self._begun(asked) as process:
            until = time.monotonic() + seconds
            while process.poll() is None:
                if time.monotonic() > until:
                    raise BackupNotTaken(f"backup: not done after {seconds:.0f} s; ended")
                pause(STEP)
            return _taken((self._profile.parent / "answer").read_text(encoding="utf-8"))

    @contextmanager
    def _begun(self, asked: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
        """The process, ended on the way out. It answers into a file: a pipe that nobody reads would hold it up."""
        env = {name: value for name, value in environment().items() if name not in OWN}
        env |= {"AWS_CONFIG_FILE": str(self._profile), "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        command = [sys.executable, "-m", "relight.agent.backup"]
        with (self._profile.parent / "answer").open("wb") as answer:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=answer, env=env)
        try:
            assert process.stdin
            process.stdin.write(json.dumps(asked).encode())
            process.stdin.close()
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _taken(answer: str) -> Taken:
    """Raises BackupNotTaken with what the process said, or that it said nothing."""
    try:
        said = json.loads(answer.splitlines()[-1])
    except (IndexError, ValueError):
        raise BackupNotTaken("backup: its process ended without an answer; the agent's log has its last words") from None
    if "error" in said:
        raise BackupNotTaken(f"backup: {said['error']}")
    return decode(said, Taken)
