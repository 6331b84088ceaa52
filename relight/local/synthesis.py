"""Relight's own app.py, run for this machine: its interpreter's wheels, and the local cluster in the place of k3s."""

import hashlib
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from relight import configfile
from relight.config import Config
from relight.errors import EngineFailed
from relight.local import processes
from relight.local.pace import Pace
from relight.runnerconfig import Download
from relight.settings import environment

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0  # seconds a synthesis may take: a first one downloads wheels

# What an instance gets as its k3s artifact. It needs of k3s's command line what the runner's unit says.
K3S = """#!/bin/sh
name=relight
while [ $# -gt 0 ]; do
  case $1 in
    --write-kubeconfig) kubeconfig=$2; shift ;;
    --data-dir) data=$2; shift ;;
    --node-name) name=$2; shift ;;
  esac
  shift
done
export PYTHONPATH={checkout}
exec {python} -m relight.local.cluster --data "$data" --port 0 --kubeconfig "$kubeconfig" --name "$name" \\
  --allow-host-path "${{data%/rancher/k3s}}" --start-seconds {pace.cluster} --asked-at "$(date +%s.%N)" \\
  --pod-seconds {pace.pod}
"""


def synthesize(state: Path, config: Config, pace: Pace) -> Path:
    """The cloud assembly, below ``state``. Raises EngineFailed with app.py's own words."""
    written, assembly = state / "relight.toml", state / "assembly"
    runner = replace(config.runner, k3s=k3s(state, pace), images=None)  # the local cluster has no images to begin with
    here = replace(config, runner=runner)
    written.write_text(configfile.written(here), encoding="utf-8")
    command = [sys.executable, "app.py", "--config", str(written), "--output", str(assembly), "--platform", "local"]
    marked = {**environment(), processes.MARK: str(state)}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=marked,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            preexec_fn=processes.die_with_parent,
        )
    except subprocess.TimeoutExpired:
        raise EngineFailed(f"synthesis: app.py did not end within {PATIENCE:.0f} s; run it by hand to see why") from None
    if done.returncode != 0:
        said = " | ".join((done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-3:])
        raise EngineFailed(f"synthesis: app.py ended with status {done.returncode} and said: {said}")
    return assembly


def launcher(state: Path, pace: Pace) -> Path:
    """The k3s of this engine: a program that takes k3s's command line and runs the local cluster."""
    path = state / "k3s"
    told = K3S.format(python=shlex.quote(sys.executable), checkout=shlex.quote(str(ROOT)), pace=pace)
    path.write_text(told, encoding="utf-8")
    path.chmod(0o755)
    return path


def k3s(state: Path, pace: Pace) -> Download:
    path = launcher(state, pace)
    return Download(version="local", url=path.as_uri(), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
