"""The embedded engine as a whole: the local AWS with Relight deployed into it, started and ended as one."""

import json
import re
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config as Timeouts
from botocore.exceptions import BotoCoreError, ClientError

from relight.config import Config
from relight.errors import EngineFailed, PortTaken
from relight.local import processes
from relight.local.attach import attach, person, variables
from relight.local.deploy import deploy
from relight.local.pace import AT_ONCE, Pace
from relight.local.synthesis import ROOT, launcher, synthesize
from relight.settings import environment

__all__ = ["Engine", "attach", "variables"]

KEY = "relight-engine"
PORT = 4666
READY = 30.0  # seconds the local AWS may take to start
GRACE = 8.0  # seconds the local AWS gets to end its instances
OPERATOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Engine:
    """A local AWS below the directory ``state``, which it shares with nobody. One engine a directory."""

    def __init__(self, state: Path, *, port: int = PORT, pace: Pace = AT_ONCE, wait_scale: float = 1.0) -> None:
        self.state = state.resolve()
        self.port = port
        self._pace = pace
        self._options = {"boot-seconds": pace.boot, "connection-megabytes": pace.connection, "wait-scale": wait_scale}
        self._mine = False  # whether what lives below ``state`` was started here
        self._process: subprocess.Popen[bytes] | None = None
        self._facts: dict[str, Any] = {}

    # ------------------------------------------------------------ life
    def up(self, config: Config) -> None:
        """Starts the local AWS, synthesizes the app for this machine and deploys it.

        Raises PortTaken, EngineFailed and DeployFailed; whatever it started has ended then.
        """
        try:
            self.start(config.region)
            self.deploy(self.synthesize(config), config.name)
        except BaseException:
            self.down()
            raise

    def start(self, region: str = "eu-central-1") -> None:
        """The local AWS alone, with a user for the person at the keyboard, and ``engine.json`` that tells where it is."""
        self._refuse_second()
        check_free(self.port)
        self._mine = True
        self.state.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "relight.local.aws",
            "--state",
            str(self.state),
            "--port",
            str(self.port),
            "--region",
            region,
        ]
        command += [f"--{name}={value}" for name, value in self._options.items()]
        marked = {**environment(), processes.MARK: str(self.state), "PYTHONPATH": str(ROOT)}
        with self._log.open("wb") as log:
            # Its standard input is its lifeline: when this process ends, however it ends, the local AWS ends too.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=marked, start_new_session=True
            )
        self._facts = {"pid": self._process.pid, "port": self.port, "region": region, "api": "", "users": {}}
        self._await_ready()
        self.environment()
        self._save()

    def down(self) -> None:
        """Ends the local AWS and everything that it started. Safe to call at any time, and again.

        What another engine runs below the same directory is not touched.
        """
        if not self._mine:
            return
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(GRACE)
            self._process = None
        processes.kill_marked(str(self.state), below=True)
        (self.state / "engine.json").unlink(missing_ok=True)

    def leftovers(self) -> list[str]:
        """What still lives of this engine, a line each: processes and the port. Empty is the proof that nothing does."""
        left = [f"process {pid}: {command}" for pid, command in processes.marked(str(self.state), below=True).items()]
        try:
            check_free(self.port)
        except PortTaken:
            left.append(f"port {self.port}: somebody listens")
        return left

    def _refuse_second(self) -> None:
        """Raises PortTaken when another engine runs below the same directory."""
        if running := processes.marked(str(self.state), below=True):
            problem = f"an engine already runs there (process {min(running)})"
            raise PortTaken(f"engine {self.state}", problem, "use it with --local, or end it first")

    # ------------------------------------------------------------ Relight in it
    def synthesize(self, config: Config) -> Path:
        """Writes the configuration and the cloud assembly below ``state``. Raises EngineFailed with app.py's own words."""
        return synthesize(self.state, config, self._pace)

    def deploy(self, assembly: Path, name: str = "relight") -> dict[str, dict[str, str]]:
        """Deploys an assembly; returns the outputs of its stacks. ``name`` is the configuration's, to find the API."""
        session = boto3.Session(KEY, KEY, region_name=self._facts["region"])
        outputs = deploy(assembly, session, self.endpoint, lambda _: launcher(self.state, self._pace))
        api = self._api(session, name)
        self._facts["api"] = f"{self.endpoint}/_aws/execute-api/{api}" if api else ""
        # A host of its own, so that its cookies are no other port's; browsers know *.localhost as loopback.
        self._facts["console"] = f"http://{api}.execute-api.localhost:{self.port}" if api else ""
        self._save()
        return outputs

    def _api(self, session: boto3.Session, name: str) -> str:
        """The console API's id; empty where none is deployed."""
        try:
            stored = session.client("ssm", endpoint_url=self.endpoint).get_parameter(Name=f"/{name}/deployment")
        except ClientError:
            return ""
        found = re.match(r"https?://([a-z0-9]+)\.execute-api", json.loads(stored["Parameter"]["Value"]).get("api", ""))
        return found[1] if found else ""

    # ------------------------------------------------------------ who works with it
    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> Path:
        """The record of every AWS call, a JSON line each: at, principal, action, resource, allowed, context."""
        return self.state / "calls.jsonl"

    def environment(self, user: str | None = None) -> dict[str, str]:
        """The SDK's variables for ``user`` of the local account; by default the person at the keyboard."""
        name = user or person()
        if name not in self._facts["users"]:
            self._facts["users"][name] = self._add_user(name)
        return variables(self._facts, name)

    def _add_user(self, name: str) -> dict[str, str]:
        iam = boto3.client(
            "iam",
            endpoint_url=self.endpoint,
            region_name=self._facts["region"],
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
        )
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="operator", PolicyDocument=json.dumps(OPERATOR))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}

    # ------------------------------------------------------------ details
    @property
    def _log(self) -> Path:
        return self.state / "aws.log"

    def _await_ready(self) -> None:
        assert self._process is not None
        quick = Timeouts(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
        sts = boto3.client(
            "sts", "eu-central-1", endpoint_url=self.endpoint, aws_access_key_id=KEY, aws_secret_access_key=KEY, config=quick
        )
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                sts.get_caller_identity()
                return
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise EngineFailed(
            f"local AWS: did not start within {READY:.0f} s; its last words: {''.join(said) or 'none'}; see {self._log}"
        )

    def _save(self) -> None:
        """``engine.json`` holds keys of the local account, so only its owner may read it."""
        path = self.state / f"engine.json.{secrets.token_hex(4)}"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._facts, indent=2), encoding="utf-8")
        path.replace(self.state / "engine.json")


def check_free(port: int) -> None:
    """Raises PortTaken when somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(
                f"port {port}", "another process listens there", "end it, or name another port with --port"
            ) from None
