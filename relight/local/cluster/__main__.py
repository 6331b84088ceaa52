"""``python -m relight.local.cluster --data DIR --kubeconfig PATH``: one emulated cluster, until it is told to end."""

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path

from relight.errors import UserError
from relight.local.cluster.server import Arguments, serve


def arguments(given: list[str] | None = None) -> Arguments:
    parser = argparse.ArgumentParser(prog="python -m relight.local.cluster", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="where objects, volumes and logs live")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="written once the cluster is ready")
    parser.add_argument("--name", default="relight", help="its context is called NAME-emulated")
    parser.add_argument("--port", type=int, default=0, help="0 (the default): any free one, always on 127.0.0.1")
    parser.add_argument(
        "--allow-host-path",
        type=Path,
        action="append",
        default=[],
        help="a directory below which pods may mount host paths; repeat it for more (default: the parent of DIR)",
    )
    parser.add_argument("--start-seconds", type=float, default=0.0, help="until it begins to answer")
    parser.add_argument("--asked-at", type=float, default=time.time(), help="since when, in epoch seconds (default: now)")
    parser.add_argument("--pod-seconds", type=float, default=0.0, help="until a pod's containers start")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input closes: whoever started it is gone")
    parsed = parser.parse_args(given)
    paths = tuple(parsed.allow_host_path)
    return Arguments(
        parsed.data,
        parsed.kubeconfig,
        parsed.name,
        parsed.port,
        paths,
        parsed.lifeline,
        parsed.asked_at + parsed.start_seconds,
        parsed.pod_seconds,
    )


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(arguments()))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
