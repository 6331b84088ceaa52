"""A callback token lets whoever has it end a phase: nobody is ever told one, whatever they ask and wherever they look."""

import json
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import typer.main

from relight.cli import main
from relight.roles import API, PAGES, Role
from tests.runs.inbox import Inbox
from tests.runs.invariants import holds
from tests.runs.stage import SAMPLE, Stage
from tests.runs.walk import HANDS_BACK, Walk, roles

pytestmark = pytest.mark.slow

# Each command that answers with -o json is in one of these.
SHOWS = {
    "status": ("{run}",),
    "runs": (),
    "triggers": (),
    "backups": (),
    "check": ("--last",),
    "console": ("{run}",),
    "approve": ("{run}", "--evidence", "0" * 64),
    "reject": ("{run}", "--reason", " "),
    "request": ("{run}",),
    "failback": ("{run}",),
    "evidence fetch": ("{run}", "--output-dir", "{folder}/evidence"),
    "evidence verify": ("{folder}/evidence",),
}
STARTS = {"demo", "drill", "recover", "apply", "restore", "validate", "destroy"}  # a run, shown as status shows it
NO_RUN = {"doctor", "plan", "arm", "disarm", "engine up", "engine sample", "engine down", "engine status"}
NO_RUN |= {f"backup {name}" for name in ("cronjob", "verify", "get", "unpack", "decrypt", "prove-key", "prune", "list")}


def answering(command: Any, path: str = "") -> set[str]:
    """The commands with -o, by their names."""
    if hasattr(command, "commands"):
        return {name for word, one in command.commands.items() for name in answering(one, f"{path} {word}".strip())}
    return {path} if any("--output" in one.opts for one in command.params) else set()


def leaks(secrets: set[str], seen: dict[str, str]) -> list[str]:
    """Where one is, also spelled as in a link, a page or JSON."""
    forms = {spelled for one in secrets for spelled in (one, quote(one, safe=""), escape(one), json.dumps(one)[1:-1])}
    return sorted(where for where, text in seen.items() if any(form in text for form in forms))


class Terminal:
    """The CLI, in this process, as the engine's approver; each time in a folder of its own."""

    def __init__(self, stage: Stage, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._stage, self._folder, self._capsys = stage, folder, capsys

    def everything(self, run_id: str) -> dict[str, str]:
        folder = self._folder / str(len(list(self._folder.iterdir())))
        return {f"relight {name}": self.says(name, run_id, *words, folder=folder) for name, words in SHOWS.items()}

    def says(self, name: str, run_id: str, *words: str, folder: Path = Path()) -> str:
        """On both streams."""
        typed = [word.format(run=run_id, folder=folder) for word in words]
        with self._stage.signed_in("approver"):
            main.run([*name.split(), *typed, "--config", str(SAMPLE), "-o", "json"])
        said = self._capsys.readouterr()
        return said.out + said.err


def test_each_command_that_answers_in_json_is_asked_or_shows_no_run() -> None:
    assert answering(typer.main.get_command(main.app)) == {*SHOWS, *STARTS, *NO_RUN}


@pytest.mark.timeout(600)
def test_no_callback_token_is_told_to_anyone(
    stage: Stage, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RELIGHT_LOCAL", raising=False)
    terminal, seen, secrets = Terminal(stage, tmp_path, capsys), {}, set[str]()

    def look(when: str, walk: Walk) -> None:
        secrets.update(stage.secrets())
        answers = walk.everything()
        assert {route.partition(": ")[2] for route in answers} == {*API, *PAGES} - {HANDS_BACK}
        for role in Role:
            for shows in ("GET /runs/{run_id}", "GET /console/runs/{run_id}"):
                assert walk.run_id in answers[f"{role}: {shows}"]["body"]
        seen.update({f"{when}: {where}": json.dumps(said) for where, said in answers.items()})
        seen.update({f"{when}: {where}": said for where, said in terminal.everything(walk.run_id).items()})

    with roles(stage), stage.configured(approval_window=300):
        Walk(stage, "nobody").known()
        walk = Walk(stage, stage.start(mode="incident", break_glass="the primary is gone"))
        run_id, evidence = walk.run_id, stage.asked(walk.run_id)["evidence_hash"]
        look("waiting", walk)
        seen["approved"] = terminal.says("approve", run_id, run_id, "--evidence", evidence)
        stage.serving(run_id)
        look("serving", walk)
        seen |= {f"{role}: {HANDS_BACK}": json.dumps(walk.ask(role, HANDS_BACK)) for role in Role}
        assert stage.ended(run_id)["end"] == "Succeeded"
        look("ended", walk)
    holds(stage, run_id)
    stage.until(lambda: any(run_id in subject for subject in inbox.subjects()), "people are told")
    seen |= {"messages": "\n".join(inbox.seen), "evidence, logs": stage.said(run_id), "functions' logs": stage.logged()}
    assert all(run_id in seen[one] for one in ("messages", "evidence, logs", "functions' logs", "ended: relight status"))
    assert len(secrets) > len(("restore", "validate", "approve", "promote", "serve"))
    assert "\n".join(leaks(secrets, seen)) == ""
