"""``relight engine up | down | status``: the embedded engine in the background, for ``--local``.

The engine ends with the process that started it. So ``up`` leaves a keeper behind, this very command with
``--foreground``, and ``down`` ends the keeper.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from relight.adapters.calls import call
from relight.adapters.s3 import split
from relight.cli import interrupts
from relight.cli.sample import sample
from relight.cli.session import ENGINE, Session, require_room, with_session
from relight.config import App
from relight.configfile import load
from relight.errors import EngineFailed, EngineNotRunning, PortTaken
from relight.settings import set_environment

group = typer.Typer(name="engine", help="The embedded engine, for --local.", no_args_is_help=True)
KEEPER = ENGINE / "keeper.pid"
STARTING, STOPPING = 330.0, 20.0  # seconds; a first start synthesizes and may fetch wheels
PortOption = Annotated[int, typer.Option(help="The loopback port of the local AWS.", min=1024, max=65535)]
CONFIG = Path("relight.toml")


def up(
    session: Session,
    port: PortOption = 4666,
    foreground: Annotated[bool, typer.Option("--foreground", hidden=True, help="Stay, and end with this command.")] = False,
) -> None:
    """Starts the embedded engine and deploys Relight into it.

    \b
    Examples:
      relight engine up
      relight engine up --port 4700
    """
    config = session.config_path if session.config_path != ENGINE / "relight.toml" else CONFIG
    load(config)
    if foreground:
        keep(config, port)
    elif facts := running():
        session.output.says(f"the engine already runs on port {facts['port']}")
    else:
        require_room()
        session.output.says("starting the engine and deploying Relight into it: about half a minute, longer the first time")
        start_keeper(config, port)
    show(session, running())


def keep(config: Path, port: int) -> None:
    """Holds the engine until it is asked to end."""
    from relight.local.engine import Engine  # the engine's packages are not needed elsewhere

    engine = Engine(ENGINE, port=port)
    interrupts.heed()
    try:
        wanted = load(config)
        engine.up(wanted)
        set_environment(engine.environment())
        for app in wanted.apps:
            make_bucket(app, wanted.region)
        KEEPER.write_text(str(os.getpid()), encoding="utf-8")
        while running():
            time.sleep(1)
    except KeyboardInterrupt:
        pass
    finally:
        interrupts.ignore()
        engine.down()
        KEEPER.unlink(missing_ok=True)


def make_bucket(app: App, region: str) -> None:
    """The app's own bucket, which on AWS is there before Relight is, and sends its events to EventBridge."""
    name, place = split(app.storage)[0], {"LocationConstraint": region}
    call("s3", "create_bucket", {"BucketAlreadyOwnedByYou"}, Bucket=name, CreateBucketConfiguration=place)
    to_rules: dict[str, Any] = {"EventBridgeConfiguration": {}}
    call("s3", "put_bucket_notification_configuration", Bucket=name, NotificationConfiguration=to_rules)


def start_keeper(config: Path, port: int) -> None:
    ENGINE.mkdir(parents=True, exist_ok=True)
    log = ENGINE / "keeper.log"
    command = [
        sys.executable,
        "-m",
        "relight.cli",
        "engine",
        "up",
        "--foreground",
        "--port",
        str(port),
        "--config",
        str(config),
    ]
    with log.open("wb") as said:
        keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
    deadline = time.monotonic() + STARTING
    try:
        while keeper.poll() is None and time.monotonic() < deadline:
            if KEEPER.exists():
                return
            time.sleep(0.2)
    except KeyboardInterrupt:
        keeper.terminate()
        raise
    keeper.terminate()
    raise refusal(log.read_text(encoding="utf-8", errors="replace"), port)


def refusal(said: str, port: int) -> Exception:
    """The keeper's own last line as our error."""
    line = next((text for text in reversed(said.splitlines()) if text.strip()), "it said nothing")
    if "R208" in line:
        return PortTaken(f"port {port}", "another process listens there", "end it, or name another port with --port")
    return EngineFailed(f"engine: did not start: {line.removeprefix('relight: ')}; see {ENGINE}/aws.log")


def down(session: Session) -> None:
    """Ends the embedded engine and everything in it.

    Its buckets, backups and runs are kept in memory only, and end with it.

    \b
    Examples:
      relight engine down
    """
    if (keeper := keeper_pid()) is not None:
        os.kill(keeper, signal.SIGTERM)
    deadline = time.monotonic() + STOPPING
    while (keeper_pid() or running()) and time.monotonic() < deadline:
        time.sleep(0.1)
    if facts := running():
        raise EngineFailed(f"engine: still runs as process {facts['pid']}; it is not ours to end if relight demo started it")
    gone = "the engine is down: nothing of it runs, and the buckets and runs that it held are gone"
    session.output.show({"running": False}, lambda page: page.print(gone))


def status(session: Session) -> None:
    """Says where the engine is.

    \b
    Examples:
      relight engine status -o json
    """
    show(session, running())


def show(session: Session, facts: dict[str, Any] | None) -> None:
    if not facts:
        raise EngineNotRunning("engine", "no embedded engine runs here", "start one: relight engine up")
    public = {"running": True} | {name: facts[name] for name in ("pid", "port", "region", "api")}
    text = f"the engine runs on port {facts['port']} (process {facts['pid']})"
    session.output.show(
        public, lambda page: page.print(f"{text}; use it: export RELIGHT_LOCAL=1, or --local; end it: relight engine down")
    )


def running() -> dict[str, Any] | None:
    """The running engine's facts, or None."""
    from relight.local import attach  # the engine's packages are not needed elsewhere

    return attach.running(ENGINE)


def keeper_pid() -> int | None:
    """The keeper's process id, if that process still is the keeper."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(KEEPER.read_text(encoding="utf-8"))
        if b"--foreground" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


for command in (up, sample, down, status):
    group.command()(with_session(command))
