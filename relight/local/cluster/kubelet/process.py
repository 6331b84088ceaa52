"""One container's process: started, waited for, ended with everything it started."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import BinaryIO

from relight.local.cluster.kubelet.sandbox import Container, Sandbox

SETUP_SECONDS = 10.0
SWEEP_SECONDS = 5.0


class Process:
    """Its output goes to ``log``. ``stop`` asks politely for ``grace`` seconds, then kills."""

    def __init__(self, process: asyncio.subprocess.Process, pipe: BinaryIO, last_word: signal.Signals) -> None:
        self.process, self.init, self.last_word = process, 0, last_word
        self.pipe: BinaryIO | asyncio.ReadTransport = pipe

    @classmethod
    async def start(cls, container: Container, sandbox: Sandbox, log: Path) -> "Process":
        """A command that cannot be started ends with 127. Raises OSError where even the sandbox cannot."""
        reading, writing = os.pipe()
        argv, env = sandbox.argv(container, writing)
        try:
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    env=env,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=(writing,),
                    cwd=None if sandbox.mounts else container.workdir or None,
                )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        last_word = signal.SIGKILL if sandbox.mounts else signal.SIGTERM  # a guard kills what is below it first
        return cls(process, os.fdopen(reading, "rb"), last_word)

    async def settle(self) -> None:
        """Waits until the sandbox has told the pid of its first process.

        Once it has told, the container is sure to die with the cluster, however that dies. It tells in several pieces, and
        a pipe closed between two would kill it: so the pipe stays open as long as the process lives.
        """
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError, ValueError, KeyError):
            self.pipe, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, self.pipe)
            told = await asyncio.wait_for(reader.readuntil(b"}"), SETUP_SECONDS)
            self.init = int(json.loads(told)["child-pid"])

    async def wait(self) -> int:
        """The exit code as Kubernetes reports it: 128 + the signal's number for a process that was killed."""
        code = await self.process.wait()
        self._sweep()
        await self._emptied()
        return code if code >= 0 else 128 - code

    async def stop(self, grace: float) -> int:
        if self.process.returncode is None:
            self._ask()
            await self._over(grace)
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # the first process goes when all others have, and ours after it
                os.kill(self.init or self.process.pid, self.last_word)
            await self._over(SWEEP_SECONDS)
        self._sweep()
        return await self.wait()

    async def _emptied(self) -> None:
        """Waits for the sandbox's first process, which goes when all others have: bubblewrap itself may go before it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                while self.init and _alive(self.init):
                    await asyncio.sleep(0.005)

    async def _over(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), seconds)

    def _ask(self) -> None:
        for pid in self._inner() or [-self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM) if pid > 0 else os.killpg(-pid, signal.SIGTERM)

    def _sweep(self) -> None:
        """Nothing of the container's process group outlives it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.pipe.close()

    def _inner(self) -> list[int]:
        """The command's own pid: what stands before it does not pass signals on."""
        try:
            return [int(pid) for pid in Path(f"/proc/{self.init}/task/{self.init}/children").read_text("ascii").split()]
        except OSError:
            return []


def _alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
