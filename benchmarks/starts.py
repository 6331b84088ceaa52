"""Cold starts: the CPU that a function costs before its first line runs, and the time until an agent asks for work."""

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.table import Row

ROOT = Path(__file__).parent.parent
ROUNDS = 5
CLIENT = "import boto3; boto3.client('s3', region_name='eu-central-1')"
HANDLER = "import lambdas.{name}.handler; from relight.adapters.aws import client; client('s3')"
AGENT = {
    "region": "eu-central-1",
    "table": "t",
    "role_id": "AROA",
    "evidence_bucket": "b",
    "kubeconfig": "/nowhere",
    "data_dir": "",
    "expiry_file": "/nowhere",
}


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as name:
        home = Path(name)
        codes = {folder: HANDLER.format(name=folder) for folder in handlers()}
        worst = max(codes, key=lambda folder: cpu([codes[folder]], home)[0])
        ours, theirs = cpu([codes[worst], CLIENT], home)  # again, in turn: the slowest of many is also the unluckiest
        yield row(f"CPU until a function is ready ({worst}, the slowest)", "one boto3 client", ours, theirs, 1.15)
        yield row("agent: start to its first request", "half a second", first_request(home), 0.5, 1.0)


def row(name: str, peer: str, ours: float, theirs: float, target: float) -> Row:
    ratio = round(ours / theirs, 3)
    return Row(name=name, peer=peer, ours_seconds=ours, peer_seconds=theirs, ratio=ratio, target=target, ok=ratio <= target)


def handlers() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))


def environment(home: Path) -> dict[str, str]:
    """As on Lambda: byte code is there, credentials are in the environment."""
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    return {"PATH": os.environ["PATH"], "PYTHONPYCACHEPREFIX": str(home / "pyc"), "PYTHONPATH": str(ROOT), **keys}


def cpu(codes: list[str], home: Path) -> list[float]:
    """CPU seconds, user and system, of fresh interpreters that run each of ``codes``, in turn; compiling does not count."""
    taken: list[list[float]] = [[] for _ in codes]
    for _ in range(ROUNDS + 1):
        for code, seconds in zip(codes, taken, strict=True):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code], env=environment(home), cwd=home, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return [median(seconds[1:]) for seconds in taken]


def first_request(home: Path) -> float:
    """Seconds from the agent's start to the first connection that it opens, which asks the instance who it is."""
    config = home / "agent.json"
    config.write_text(json.dumps(AGENT | {"data_dir": str(home / "data")}))
    taken = []
    for _ in range(ROUNDS + 1):
        with socket.create_server(("127.0.0.1", 0)) as server:
            here = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{server.getsockname()[1]}/"}
            began = time.perf_counter()
            command = [sys.executable, "-m", "relight.agent", "--config", str(config)]
            with subprocess.Popen(command, env=environment(home) | here, cwd=home, stderr=subprocess.DEVNULL) as agent:
                server.settimeout(30)
                server.accept()[0].close()
                taken.append(time.perf_counter() - began)
                agent.kill()
    return median(taken[1:])
