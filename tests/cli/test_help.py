"""Help: every command has examples, every example parses, and the make targets are the commands they say."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from relight.cli.main import app
from tests.cli.conftest import Terminal

ROOT = Path(__file__).parents[2]
ALL = typer.main.get_command(app)


def commands(group: Any = ALL, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in getattr(group, "commands", {}).items():
        here = (*path, name)
        nested = getattr(command, "commands", {})
        if not nested or command.invoke_without_command:
            yield here, command
        yield from commands(command, here)


def examples(text: str) -> list[str]:
    return re.findall(r"^ +(relight .+)$", text or "", flags=re.MULTILINE)


EXAMPLES = sorted({line for _, command in commands() for line in examples(command.help)})


def test_the_commands_of_the_design_are_all_there() -> None:
    wanted = """demo backups plan apply restore validate drill runs status approve reject request failback destroy doctor
        arm disarm"""
    names = {" ".join(path) for path, _ in commands()}
    assert set(wanted.split()) <= names
    assert {"backup", "backup verify", "evidence verify", "engine up", "engine down", "engine status"} <= names


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_command_has_examples_and_the_common_options(path: tuple[str, ...], terminal: Terminal) -> None:
    said = terminal(*path, "--help")
    assert said.status == 0
    assert examples(said.out)
    for option in ("--config", "--local", "--output"):
        assert option in said.out


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_parses(line: str) -> None:
    _, *words = shlex.split(line)
    command = ALL
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    command.make_context(line, words)


def test_help_is_one_line_a_command_and_none_is_cut(terminal: Terminal) -> None:
    assert "..." not in terminal("--help").out.partition("Commands:")[2]


TARGETS = {
    "dr-plan": "./run relight plan --run-id",
    "dr-apply": "./run relight apply",
    "dr-restore": "./run relight restore",
    "dr-validate": "./run relight validate",
    "dr-destroy": "./run relight destroy",
    "dr-drill": "./run relight drill --auto-promote false --teardown true",
}


@pytest.mark.parametrize("target", TARGETS)
def test_each_make_target_is_thin_over_its_command(target: str) -> None:
    done = subprocess.run(["make", "-n", target, "ARGS=--local"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    (line,) = done.stdout.splitlines()
    assert line.startswith(TARGETS[target])
    assert line.endswith("--local")
