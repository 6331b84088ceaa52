"""`python -m relight.local.aws --state DIR --port N`: serves the local AWS on loopback until its parent is gone."""

import argparse
import asyncio
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from relight.local import processes
from relight.settings import set_environment

ROOT = "relight-engine"  # the engine's own access key: root of the local account


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m relight.local.aws", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="directory for the call record and the instances")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("--boot-seconds", type=float, default=0.0, help="how long an instance takes to boot")
    parser.add_argument(
        "--connection-megabytes", type=float, default=0.0, help="a second, of an instance's connection to S3"
    )
    parser.add_argument(
        "--wait-scale", type=float, default=1.0, help="factor on waits and retry intervals of state machines"
    )
    options = parser.parse_args()
    options.state.mkdir(parents=True, exist_ok=True)
    set_environment(surroundings(options))
    asyncio.run(serve(options))


def surroundings(options: argparse.Namespace | SimpleNamespace) -> dict[str, str]:
    """MiniStack reads its settings from the environment when it is imported."""
    return {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ROOT,
        "AWS_SECRET_ACCESS_KEY": ROOT,
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": "unix:///nonexistent",
        "GATEWAY_PORT": str(options.port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_REGION": options.region,
        "POWERTOOLS_LOG_LEVEL": "INFO",  # functions log as on AWS; LOG_LEVEL, which they inherit, is MiniStack's own
        "S3_DATA_DIR": str(options.state / "s3"),
        "SFN_WAIT_SCALE": str(options.wait_scale),
        "SFTP_ENABLED": "0",
    }


async def serve(options: argparse.Namespace) -> None:
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config
    from ministack.app import app

    from relight.local.aws import bridge
    from relight.local.aws.bridge import alarms, code, compute, permissions, quotas
    from relight.local.aws.fleet import Fleet

    bridge.install()
    code.keep_in = options.state.resolve() / "code"
    quotas.path = options.state / "vcpu-quota"
    permissions.record_to = options.state / "calls.jsonl"
    facts = {"endpoint": f"http://127.0.0.1:{options.port}", "boot_seconds": options.boot_seconds}
    facts["connection_megabytes"] = options.connection_megabytes
    compute.fleet = fleet = Fleet(options.state.resolve(), **facts)
    alarms.keep_evaluating()
    config = Config()
    config.bind = [f"127.0.0.1:{options.port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    try:
        await hypercorn(app, config, shutdown_trigger=_asked_to_stop())
    finally:
        fleet.close()
        _end_workers()


def _asked_to_stop() -> Any:
    """A trigger for hypercorn: SIGTERM, SIGINT, or the end of whoever started this process."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    processes.watch_lifeline(lambda: loop.call_soon_threadsafe(stop.set))
    return stop.wait


def _end_workers() -> None:
    from ministack.core import lambda_runtime

    lambda_runtime.kill_workers([worker for pool in lambda_runtime._workers.values() for worker in pool])


if __name__ == "__main__":
    main()
