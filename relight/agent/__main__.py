"""``python3 -m relight.agent [CONFIG]``: runs until it is told to stop (SIGTERM, SIGINT)."""

import argparse
import os
import signal
import sys
from pathlib import Path
from threading import Event

from relight.agent.config import DEFAULT, AgentConfig, load
from relight.agent.logs import log
from relight.errors import RelightError, UserError
from relight.settings import set_environment


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 after a stop, 1 when the agent could not start, 2 when its configuration is wrong."""
    parser = argparse.ArgumentParser(prog="relight.agent", description="Relight's agent, on the runner.")
    parser.add_argument("path", nargs="?", type=Path, default=DEFAULT, help="its configuration (%(default)s)")
    parser.add_argument("--config", type=Path, help="the same, by name")
    given = parser.parse_args(arguments)
    try:
        return run(load(given.config or given.path))
    except UserError as error:
        print("\n".join([str(error), *getattr(error, "findings", [])]), file=sys.stderr)
        return 2
    except RelightError as error:
        log.error(f"could not start: {error}")
        return 1


def run(config: AgentConfig) -> int:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    set_environment({"AWS_DEFAULT_REGION": config.region})
    from relight.agent.agent import Agent  # the SDK reads the region when it is first used

    Agent.of(config).run(stop)
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # a thread inside a download or a library would hold a normal exit up
