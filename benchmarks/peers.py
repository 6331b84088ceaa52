"""The peers: where they are on this machine, and the environment they run in."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from benchmarks.table import Peer, shell
from relight.adapters.s3 import S3

ROOT = Path(__file__).parent.parent
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}
MISSING = {
    "aws": "aws is not installed: pip install awscli",
    "restic": "restic is not installed: apt install restic",
    "zstd": "zstd is not installed: apt install zstd",
}


def peer(name: str, target: float, command: str, **variables: str) -> Peer:
    """A pipeline of shell commands as a peer, or why it cannot be one here."""
    for tool, why in MISSING.items():
        if tool in command.split() and not shutil.which(tool):
            return Peer(name, target, None, why)
    return Peer(name, target, shell(command, **variables))


def served(root: Path, megabytes: float) -> AbstractContextManager[str]:
    """S3 below ``root`` at the endpoint given, each connection limited to so many megabytes a second (0: not)."""
    return _listening("benchmarks.server", str(root), str(megabytes))


def throttled(endpoint: str, megabytes: float) -> AbstractContextManager[str]:
    """The line of an instance to the S3 at ``endpoint``."""
    return _listening("benchmarks.line", endpoint, str(megabytes))


@contextmanager
def _listening(module: str, *arguments: str) -> Iterator[str]:
    """A process of its own: in ours, its threads would take turns with what is measured."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout and server.stdin
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.stdin.close()


def store(endpoint: str) -> S3:
    """Ours, as the agent has it, with its client made."""
    config = Config(retries={"mode": "standard", "max_attempts": 4}, max_pool_connections=40, tcp_keepalive=True)
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=KEYS["AWS_DEFAULT_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )
    return S3(client)
