"""The demo's story: set up, break, recover, decide, fail back, prove. Nothing of it outlives the command."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from rich.markup import escape

from relight.adapters import identity
from relight.adapters.aws import forget
from relight.adapters.console import Console, Deployment, find_deployment
from relight.adapters.keys import SigningKey
from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3, join
from relight.adapters.triggers import alarm_state, measure, switch
from relight.backups import write
from relight.cli import backups, evidence, exits, interrupts, pages
from relight.cli.demo import primary
from relight.cli.demo.ask import ask
from relight.cli.demo.front import FrontDoor
from relight.cli.demo.screen import Screen
from relight.cli.engine import make_bucket, running
from relight.cli.follow import Follower
from relight.cli.output import Output
from relight.cli.session import ENGINE, STATE, require_room
from relight.config import Alarm, App, Config
from relight.configfile import load
from relight.errors import DemoFailed, EvidenceBroken, PortTaken
from relight.evidence.verify import verify_copy
from relight.local.cluster import ClusterProcess, start
from relight.local.engine import Engine, check_free
from relight.model import Arming, now
from relight.records import replace
from relight.settings import set_environment
from relight.view import View

HOME = STATE / "demo"
ALARM_SECONDS, RUN_SECONDS = 60.0, 300.0
NO = "the demo's operator said no"
WANTED = {"approve": "Succeeded", "reject": "Rejected"}


class Story:
    """One telling. ``decision``: approve, reject, or None to ask."""

    def __init__(self, output: Output, port: int, decision: str | None, config: Path) -> None:
        self._output, self._screen, self._decision = output, Screen(output), decision
        self._engine, self._config_path = Engine(ENGINE, port=port), config
        self._primary: ClusterProcess | None = None
        self._door: FrontDoor | None = None

    def tell(self) -> int:
        if running():
            raise PortTaken(f"engine below {ENGINE}", "one is running already", "end it first: relight engine down")
        check_free(self._engine.port)
        require_room()
        interrupts.heed()
        try:
            view = self._play()
        finally:
            left = self._clean_up()
        self._output.show(self._summary(view, left), lambda page: None)
        return exits.DONE if view.outcome == WANTED.get(self._decision or "") and not left else exits.ENDED_BADLY

    # ------------------------------------------------------------ the acts
    def _play(self) -> View:
        config, app = self._set_up()
        deployment = find_deployment(config.name)
        console = Console(deployment.api, deployment.region)
        self._break(config, app)
        run_id = self._alarm(config, app, console)
        follower = Follower(console, run_id, self._output)
        self._screen.title("Recovery, by the state machine alone")
        view = follower.follow(RUN_SECONDS, lambda view: view.evidence_hash is not None)
        if view.evidence_hash:
            view = self._decide(console, follower, view)
        self._screen.title("The end")
        pages.ending(self._output.progress, view)
        self._prove(deployment, view)
        return view

    def _set_up(self) -> tuple[Config, App]:
        self._screen.title("A production, and Relight watching it (all on this machine; its Kubernetes is emulated)")
        for old in (HOME, ENGINE):
            shutil.rmtree(old, ignore_errors=True)
        HOME.mkdir(parents=True)
        config = load(self._config_path)
        with self._screen.act("primary cluster"):
            cluster = self._start_primary()
        with self._screen.act("embedded engine: a local AWS") as found:
            self._engine.start(config.region)
            set_environment(self._engine.environment())
            forget()
            found.append(f"on port {self._engine.port}")
        with self._screen.act("sample application on the primary") as found:
            found.append(f"{self._install(config.apps[0], cluster)} objects")
            primary.await_server(cluster)
            self._door = FrontDoor(HOME / "primary" / "kubeconfig", primary.NAMESPACE, primary.SERVICE)
            config = self._watching(config, self._door.url)
        app = config.apps[0]
        with self._screen.act("Relight's templates synthesized and deployed") as found:
            self._engine.deploy(self._engine.synthesize(config), config.name)
            set_environment(self._engine.environment())
        with self._screen.act("the application's job publishes") as found:
            found.append(primary.publish(cluster).strip().splitlines()[-1])
        with self._screen.act("backup") as found:
            uri, written = write(app, cluster, {})
            found += [backups.contents(written), uri]
        with self._screen.act("armed: from now on an alarm may start a recovery"):
            switch(config.name, app.name, Arming(by=identity.caller(), at=now(), proven=False))
        return config, app

    def _install(self, app: App, cluster: Cluster) -> int:
        make_bucket(app, self._engine.environment()["AWS_REGION"])
        S3().put(join(app.storage, app.promote[0].key), b'{"site": "primary"}')
        keys = self._engine.environment("sample")
        credentials = {name: keys[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return primary.install(cluster, {"AWS_ENDPOINT_URL": keys["AWS_ENDPOINT_URL"]}, credentials)

    @staticmethod
    def _watching(config: Config, address: str) -> Config:
        """The sample's configuration with the primary's own address as its HTTP signal, and an alarm that one reading
        fires: a demo has no minutes to wait for a second."""
        app = replace(config.apps[0], alarm=Alarm(unhealthy=1, of=1, recovered=1, recovered_of=1))
        signals = tuple(replace(s, url=f"{address}/healthz") if s.kind == "http" else s for s in app.signals)
        return replace(config, apps=(replace(app, signals=signals),))

    def _break(self, config: Config, app: App) -> None:
        self._screen.title("Disaster")
        with self._screen.act("probe while all is well") as found:
            found.append(measure(config.name, app.name))
        with self._screen.act("the primary cluster is killed"):
            self._stop_primary()

    def _alarm(self, config: Config, app: App, console: Console) -> str:
        """Probes until the alarm has fired and EventBridge has started the run; nothing else starts it."""
        with self._screen.act("probe, alarm, EventBridge") as found:
            deadline = time.monotonic() + ALARM_SECONDS
            while time.monotonic() < deadline:
                health = measure(config.name, app.name)
                if runs := console.runs(app.name):
                    found.append(f"run {runs[0]['run_id']} started by itself")
                    return str(runs[0]["run_id"])
                time.sleep(0.5)
            state = alarm_state(config.name, app.name)
            why = f"the probe says {health}, the alarm {state}"
            raise DemoFailed(f"alarm: started no run within {ALARM_SECONDS:.0f} s ({why}); {primary.AGAIN}")

    def _decide(self, console: Console, follower: Follower, view: View) -> View:
        self._screen.title("A person decides")
        for line in pages.proof(view):
            self._screen.note(line)
        self._decision = self._decision or ask(self._output, view)
        approved = self._decision == "approve"
        console.decide(view.run_id, self._decision, {"evidence_hash": view.evidence_hash} if approved else {"reason": NO})
        caller = identity.caller()
        self._screen.note(f"{self._decision}: recorded as {escape(caller)}; the run was started by {escape(view.initiator)}")
        view = follower.follow(RUN_SECONDS, lambda view: view.serving)
        return self._fail_back(console, follower, view) if view.serving else view

    def _fail_back(self, console: Console, follower: Follower, view: View) -> View:
        app = load(self._config_path).apps[0]
        site = json.loads(S3().get(join(app.storage, app.promote[0].key)))["site"]
        self._screen.note(f"production is now {escape(site)}, until somebody hands it back")
        self._screen.title("The primary is repaired, and production handed back")
        with self._screen.act("the primary cluster starts again"):
            self._start_primary()
        console.decide(view.run_id, "failback", {"confirm": True})
        return follower.follow(RUN_SECONDS)

    def _prove(self, deployment: Deployment, view: View) -> None:
        target = HOME / "evidence" / view.run_id
        with self._screen.act("evidence copied, then verified offline") as found:
            count = evidence.copy(f"s3://{deployment.evidence_bucket}/{view.app}/{view.run_id}/", target)
            found.append(f"{count} files in {target}")
            problems = verify_copy(target, SigningKey(deployment.signing_key).public_key_pem())
            if problems:
                raise EvidenceBroken(f"{target}: {problems[0].object} {problems[0].problem}; {problems[0].fix}")
            found += ["receipts, chain and signature hold", f"read {target / 'report.html'}"]

    # ------------------------------------------------------------ the primary, cleaning up
    def _start_primary(self) -> Cluster:
        self._primary = started = start(HOME / "primary", "primary")
        return Cluster(started.kubeconfig)

    def _stop_primary(self) -> None:
        if self._primary is not None:
            self._primary.stop()

    def _clean_up(self) -> list[str]:
        """Ends everything, however the demo ended. What is left, a line each."""
        interrupts.ignore()
        with self._screen.act("everything is ended"):
            self._stop_primary()
            if self._door:
                self._door.close()
            self._engine.down()
        left = self._engine.leftovers()
        clean = f"[green]nothing is left running[/]: no process, no port; {self._screen.elapsed:.0f} s in all"
        self._screen.title(f"[red]still running:[/] {escape('; '.join(left))}" if left else clean)
        return left

    def _summary(self, view: View, left: list[str]) -> dict[str, Any]:
        target = HOME / "evidence" / view.run_id
        seconds = round(self._screen.elapsed, 1)
        found = {"run_id": view.run_id, "outcome": view.outcome, "decision": self._decision, "seconds": seconds}
        return found | {"evidence": str(target), "left_running": left, "run": view.raw}
