"""Which tasks this runner has answered: what makes a redelivered task do nothing twice, also after a restart.

An answer is kept before it is sent. A crash between the two sends the same answer again instead of doing the work again.
The token is a secret, so a file is named after its digest and does not hold it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from relight.agent.files import write_atomically
from relight.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a task came to: ``output`` when ``error`` is empty, else the error's class name and its one-line cause."""

    phase: str
    attempt: int
    output: Any = None
    error: str = ""
    cause: str = ""
    sent: bool = False


class Journal:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, task: Task) -> Answer | None:
        try:
            return msgspec.json.decode(self._file(task).read_bytes(), type=Answer)
        except FileNotFoundError:
            return None

    def keep(self, task: Task, answer: Answer) -> None:
        write_atomically(self._file(task), msgspec.json.encode(answer))

    def _file(self, task: Task) -> Path:
        return self._folder / f"{task.phase}-{hashlib.sha256(task.token.encode()).hexdigest()[:32]}.json"
