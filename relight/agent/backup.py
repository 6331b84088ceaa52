"""``python3 -m relight.agent.backup``: backs up the app of this runner, as a process of its own with keys of its own.

What to do comes as JSON on stdin; what came of it is the last line of stdout: a ``model.Taken``, or {"error": one line}.
"""

import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.agent.desk import one_line
from relight.backup.keeping import keeping_of
from relight.backup.upload import Sender
from relight.backups import write
from relight.config import App
from relight.model import Taken, decode, encode
from relight.records import replace
from relight.recovery.unresolved import unsure


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``namespace``: where the app runs here. ``site``: for the backup's metadata."""

    app: dict[str, Any]
    namespace: str
    kubeconfig: str
    backup_id: str
    site: str


def main() -> int:
    signal.signal(signal.SIGTERM, _leave)  # what was stopped for the backup is started again on the way out
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    try:
        answer = encode(take(asked))
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {one_line(error)}"}))
        return 1
    print(json.dumps(answer))
    return 0


def take(asked: Request) -> Taken:
    app, store = replace(decode(asked.app, App), namespace=asked.namespace), S3()
    sender = Sender(store, keeping_of(store, app))
    uri, written = write(app, Cluster(Path(asked.kubeconfig)), {}, asked.backup_id, sender, asked.site)
    lacks = unsure(written.extra.get("unresolved"))
    return Taken(backup_id=written.backup_id, uri=uri, created_at=written.created_at, unsure=lacks)


def _leave(*_: object) -> None:
    raise SystemExit("told to end")


if __name__ == "__main__":
    sys.exit(main())
