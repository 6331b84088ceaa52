"""The agent as a process."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.agent.front import Front
from tests.agent.rig import Runner

ROOT = Path(__file__).parents[2]


class Process:
    """``python -m relight.agent``; its output is kept."""

    def __init__(self, runner: Runner, front: Front, *arguments: str) -> None:
        config = runner.disk / "agent.json"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps(asdict(runner.config)))
        self.output = runner.disk / "agent.log"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **front.environment()}
        with self.output.open("ab") as output:
            command = [sys.executable, "-m", "relight.agent", *(arguments or ("--config", str(config)))]
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=runner.disk)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)
